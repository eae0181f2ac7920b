"""``rexd report``, and the page that ``rexd train`` leaves."""

import re
import sys

import pytest
from finished_run import finished_run
from html_pages import Page
from line_task import ENV, make_policy

from rexd.cli.after_training import PAGE_FILE
from rexd.errors import RexdError

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


@pytest.fixture
def run(tmp_path):
    return finished_run(tmp_path / "run").path


def text_of(path):
    text = path.read_text("utf-8")
    seen = Page(text)
    assert (seen.faults, seen.elsewhere) == ([], [])
    return text


def test_a_run_and_its_demonstrations(rexd, run, demos_file, tmp_path):
    page = tmp_path / "page.html"
    result = rexd("report", run, demos_file, "-o", page)
    assert (result.status, result.out) == (0, ""), result.err
    assert result.err.splitlines()[-1] == f"wrote {page}"
    text = text_of(page)
    assert "RexdCliLine-v0: run" in text
    assert "The reward along demonstrations" in text
    assert "The reward along 4 trajectories" in text
    assert "The reward along the policy&#39;s episodes" in text
    assert "The reward along 3 trajectories" in text  # three episodes were played
    assert "The demonstrations are not named" not in text
    assert "other-rows" not in text  # the reward was fitted to these rows
    assert f"rexd report {run} {demos_file} -o {page}" in text


@pytest.mark.slow
def test_the_rows_that_a_run_used_are_found_by_its_seed(rexd, tmp_path, demos_file):
    from circling import TINY

    from rexd.reading.load import load_demonstrations
    from rexd.reward.red.red import RED

    run = finished_run(tmp_path / "run", seed=5).path
    used = load_demonstrations([str(demos_file)]).first(3).subsample(4, seed=5)
    RED(seed=5, **TINY).fit(used).save(run / "reward.safetensors")
    page = tmp_path / "page.html"
    selected = ("--trajectories", 3, "--subsample", 4)
    assert rexd("report", run, demos_file, *selected, "--no-play", "-o", page).status == 0
    assert "other-rows" not in text_of(page)
    assert rexd("report", run, demos_file, *selected, "--seed", 6, "--no-play", "-o", page).status == 0
    assert "other-rows" in text_of(page)


def test_episodes_can_be_left_out(rexd, run, tmp_path, monkeypatch):
    monkeypatch.setattr("rexd.evaluation.rollouts.rollout", lambda *_, **__: pytest.fail("an episode was played"))
    result = rexd("report", run, "--no-play", "-o", tmp_path / "page.html", "--json")
    assert result.json["page"] == str(tmp_path / "page.html")
    (told,) = result.json["notes"]
    assert told.startswith("The demonstrations are not named")
    assert "policy&#39;s episodes" not in text_of(tmp_path / "page.html")


def test_an_environment_that_imports_code_is_not_played_without_trust(rexd, tmp_path):
    run = finished_run(tmp_path / "run", env_reference="os:system").path
    result = rexd("report", run, "-o", tmp_path / "page.html")
    assert result.status == 0
    assert "No episodes of run were played" in result.err
    assert "importing os executes its code; nothing was imported" in " ".join(text_of(tmp_path / "page.html").split())


def test_several_runs(rexd, tmp_path):
    runs = [finished_run(tmp_path / f"seed{seed}", seed=seed).path for seed in range(2)]
    assert rexd("report", *runs, "--no-play", "-o", tmp_path / "page.html").status == 0
    text = text_of(tmp_path / "page.html")
    assert "mean of 2 runs" in text
    assert text.count("Calibration: what the reward pays") == 1  # the reward of the first


def test_rewards_and_demonstrations_alone(rexd, run, demos_file, tmp_path):
    page = tmp_path / "page.html"
    assert rexd("report", run / "reward.safetensors", demos_file, "--columns-xy", 1, 0, "-o", page).status == 0
    text = text_of(page)
    assert "Rows on observation[1] and observation[0]" in text
    assert "Learning" not in text
    assert rexd("report", demos_file, "-o", page, "--env", ENV).status == 0
    text = text_of(page)
    assert "What the data is" in text
    assert "Calibration" not in text


def test_what_cannot_be_reported(fails, run, tmp_path, demos_file, monkeypatch):
    assert "expected a name that ends in .html" in fails("report", run, "-o", tmp_path / "page.pdf")
    assert "nothing is named" in fails("report", "-o", tmp_path / "page.html")
    line = fails("report", demos_file, "--columns-xy", 0, 9, "-o", tmp_path / "page.html")
    assert "--columns-xy names '9'; expected a number from 0 to 2" in line
    assert not (tmp_path / "page.html").exists()
    (run / "config.json").write_text("{")
    assert "damaged config.json" in fails("report", run, "-o", tmp_path / "page.html")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert "pip install 'rexd[report]'" in fails("report", demos_file, "-o", tmp_path / "page.html")


@pytest.fixture
def trained(monkeypatch):
    """Replaces training by a run that is finished at once."""

    def train(demonstrations, *, out, config, **_):
        return finished_run(out, seed=config.seed)

    monkeypatch.setattr("rexd.rl.training.train.train", train)


def test_training_leaves_a_page(rexd, trained, demos_file, tmp_path):
    out = tmp_path / "new"
    result = rexd("train", demos_file, "--env", ENV, "--out", out, "--subsample", 2)
    assert result.status == 0, result.err
    assert result.err.splitlines()[-1] == f"wrote {out / PAGE_FILE}"
    text = text_of(out / PAGE_FILE)
    assert "What the data is" in text
    assert "The reward along 4 trajectories" in text
    assert "The reward along the policy&#39;s episodes" in text
    assert "rexd train demos.npz --seed 0" in text  # the command that the folder records
    assert rexd("train", demos_file, "--env", ENV, "--out", tmp_path / "json", "--json").json["run"]


def test_where_no_episode_can_be_played_the_page_of_a_training_says_why(
    rexd, trained, demos_file, tmp_path, monkeypatch
):
    def refuse(*_, **__):
        raise RexdError("the simulator is away")

    monkeypatch.setattr("rexd.cli.playing.play_for_page", refuse)
    out = tmp_path / "new"
    assert rexd("train", demos_file, "--env", ENV, "--out", out).status == 0
    text = text_of(out / PAGE_FILE)
    assert "No episodes of the policy were played: the simulator is away" in text
    assert "The reward along the policy&#39;s episodes" not in text


def test_several_seeds_leave_one_page(rexd, demos_file, tmp_path, monkeypatch):
    def run_seeds(runs, words, **_):
        for run in runs:
            finished_run(run.folder, seed=run.seed)
            run.state = "failed" if run.seed == 2 else "done"

    monkeypatch.setattr("rexd.cli.seeds.train.run_seeds", run_seeds)
    out = tmp_path / "runs"
    result = rexd("train", demos_file, "--env", ENV, "--seeds", "0-2", "--out", out)
    assert result.status == 1
    assert result.err.splitlines()[-1] == f"wrote {out / PAGE_FILE}"
    text = text_of(out / PAGE_FILE)
    assert f"{ENV}: 2 seeds" in text
    assert {"seed0", "seed1"} <= set(re.findall(r"seed\d", text))
    assert "seed2" not in text


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_without_the_extra_training_says_how_to_get_the_page(rexd, trained, demos_file, tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    result = rexd("train", demos_file, "--env", ENV, "--out", tmp_path / "new")
    assert result.status == 0
    line = result.err.splitlines()[-1]
    assert line.startswith("the page with pictures of the run is not written:")
    assert "pip install 'rexd[report]'" in line
    assert not (tmp_path / "new" / PAGE_FILE).exists()


def test_a_page_that_fails_does_not_fail_the_run(rexd, trained, demos_file, tmp_path, monkeypatch):
    def break_down(*_):
        raise ZeroDivisionError("no pictures today")

    monkeypatch.setattr("rexd.report.page.write_page", break_down)
    result = rexd("train", demos_file, "--env", ENV, "--out", tmp_path / "new")
    assert result.status == 0
    assert "the page of the run could not be written (ZeroDivisionError: no pictures today)" in result.err
    assert "4.500" in result.out  # the table of results


def test_score_draws_the_reward_along_trajectories(rexd, fails, run, demos_file, tmp_path):
    plot = tmp_path / "along.svg"
    result = rexd("score", run / "reward.safetensors", demos_file, "--plot", plot)
    assert result.status == 0
    assert result.err.splitlines()[-1] == f"wrote {plot}"
    assert "trajectory 3: mean" in plot.read_text("utf-8")
    assert rexd("score", run / "reward.safetensors", demos_file, "--plot", plot, "--json").json["plot"] == str(plot)
    assert "ends in .svg, .png, .pdf" in fails("score", run / "reward.safetensors", demos_file, "--plot", "a.html")


def test_evaluate_draws_the_reward_along_episodes(rexd, run, tmp_path):
    plot = tmp_path / "along.svg"
    result = rexd("evaluate", run, "--episodes", 10, "--plot", plot, "--json")
    assert result.json["plot"] == str(plot)
    text = plot.read_text("utf-8")
    assert "The reward along episodes" in text
    assert "episode 7: mean" in text
    assert "episode 8: mean" not in text
    policy = make_policy().save(tmp_path / "alone.safetensors")
    assert rexd("evaluate", policy, "--env", ENV, "--episodes", 2, "--plot", plot).status == 0
    assert "environment's reward" in plot.read_text("utf-8")


def test_card(rexd, fails, run, tmp_path):
    result = rexd("card", run)
    assert result.err.splitlines()[-1] == f"wrote {run / 'README.md'}"
    assert (run / "README.md").read_text("utf-8").startswith("---\nlibrary_name: rexd\n")
    assert rexd("card", run, "-o", tmp_path / "card.md", "--json").json == {
        "run": str(run), "card": str(tmp_path / "card.md"),
    }  # fmt: skip
    assert (tmp_path / "card.md").read_text("utf-8") == (run / "README.md").read_text("utf-8")
    assert "expected the folder of a run" in fails("card", tmp_path)


def test_export(rexd, fails, run, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    result = rexd("export", run, "--onnx", tmp_path / "policy.onnx", "--json")
    assert (result.status, result.err) == (0, "")
    assert result.json["outputs"] == {"action": "float32 (batch, 2), within the bounds"}
    shown = rexd("export", run, "--what", "reward", "--onnx", tmp_path / "reward.onnx")
    assert shown.status == 0
    assert "the steps since the start of each row's episode" in shown.out
    given = runtime.InferenceSession(str(tmp_path / "reward.onnx")).get_inputs()
    assert [each.name for each in given] == ["observation", "action", "step"]
    assert "ends in .onnx" in fails("export", run, "--onnx", tmp_path / "policy.txt")
    assert "no such file" in fails("export", tmp_path / "none.safetensors", "--onnx", tmp_path / "a.onnx")


def test_export_tells_a_policy_from_a_reward_by_its_mark(rexd, run, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "rexd.report.onnx_graph.export_policy", lambda policy, path: seen.append(policy) or _exported(path)
    )
    monkeypatch.setattr(
        "rexd.report.onnx_graph.export_reward", lambda model, path: seen.append(model) or _exported(path)
    )
    pytest.importorskip("onnxscript")
    (run / "policy.safetensors").rename(tmp_path / "a.safetensors")
    (run / "reward.safetensors").rename(tmp_path / "b.safetensors")
    for name in ("a", "b"):
        assert rexd("export", tmp_path / f"{name}.safetensors", "--onnx", tmp_path / "a.onnx").status == 0
    assert [type(each).__name__ for each in seen] == ["Policy", "RED"]


def _exported(path):
    from rexd.report.onnx_graph import Exported

    return Exported(path, {}, {})


def test_export_without_onnx_says_what_installs_it(fails, run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'rexd[onnx]'" in fails("export", run, "--onnx", tmp_path / "policy.onnx")
