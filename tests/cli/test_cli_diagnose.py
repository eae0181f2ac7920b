"""``rexd diagnose``: tables, documents, statuses and refusals."""

import json

import numpy as np
import pytest
from circling import circling
from line_task import ENV, make_demonstrations

from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reward.red.red import RED

TINY = ("--target-layers", 16, 16, "--predictor-layers", 16, "--outputs", 8, "--updates", 40)
SETTINGS = {"target_layers": (16, 16), "predictor_layers": (16,), "outputs": 8, "updates": 40}


@pytest.fixture
def reward_file(tmp_path):
    return RED(**SETTINGS).fit(make_demonstrations()).save(tmp_path / "reward.safetensors")


def test_a_table_findings_and_a_grade(rexd, demos_file):
    result = rexd("diagnose", demos_file, *TINY)
    lines = result.out.splitlines()
    assert " ".join(lines[0].split()) == "what it pays for rows reward novelty / ℓ AUROC [95% interval] passes"
    assert lines[1].startswith("expert rows, held out")
    assert lines[-1].startswith("grade: ")
    assert result.status in (0, 1, 2)
    assert f"--env {ENV}" in result.err


def test_with_an_environment_policies_are_played(rexd, demos_file):
    result = rexd("diagnose", demos_file, "--env", ENV, "--json", *TINY)
    found = result.json["rewards"][0]
    probes = {probe["name"]: probe for probe in found["probes"]}
    assert {"random policy", "zero actions", "clone of the demonstrations", "clone with action noise 0.3"} <= set(
        probes
    )
    clone = probes["clone of the demonstrations"]
    assert clone["length"] == 12.0
    assert clone["learned_return"] == pytest.approx(12 * clone["reward"], rel=1e-5)
    assert 0.0 <= clone["unpaid"] <= 1.0
    assert set(clone["separation"]) == {"auroc", "low", "high", "accepted"}
    assert probes["expert rows, held out"]["separation"] is None


def test_the_document_has_the_status_and_all_figures(rexd, demos_file):
    result = rexd("diagnose", demos_file, "--json", *TINY)
    found = result.json
    assert found["status"] == ("ok", "warnings", "errors")[result.status]
    assert set(found["rewards"][0]) == {
        "reward", "grade", "calibration", "way", "shape", "probes", "columns", "ranks", "refits", "findings"
    }  # fmt: skip
    worst = [finding["severity"] for finding in found["rewards"][0]["findings"]]
    assert worst == sorted(worst, key=["error", "warning", "info"].index)


def test_with_the_columns_of_a_goal_it_asks_about_the_way_to_it(rexd, demos_file):
    found = rexd("diagnose", demos_file, "--goal", "0:1", "--relative", "1", "--json", *TINY).json["rewards"][0]
    novelty = {each["name"]: each["novelty"] for each in found["columns"] if each["name"].startswith("observation")}
    plain = rexd("diagnose", demos_file, "--json", *TINY).json["rewards"][0]
    assert max(novelty, key=novelty.get) == "observation[1]"  # the reward sees nothing else of an observation
    assert found["calibration"] != plain["calibration"]


def test_a_flat_reward_has_status_2(rexd, demos_file):
    result = rexd("diagnose", demos_file, "--shape", "exponential", "--sigma", "1e-6", *TINY)
    assert result.status == 2
    assert "flat" in result.out
    assert "grade: poor" in result.out


def test_a_saved_reward_is_not_fitted_again(rexd, reward_file, demos_file):
    found = rexd("diagnose", reward_file, demos_file, "--json").json["rewards"]
    assert [each["reward"] for each in found] == [str(reward_file)]
    fresh = rexd("diagnose", demos_file, "--json", *TINY).json["rewards"][0]
    assert found[0]["probes"] == fresh["probes"]


def test_several_rewards_stand_side_by_side(rexd, reward_file, demos_file, tmp_path):
    other = RED(**SETTINGS, seed=1).fit(make_demonstrations()).save(tmp_path / "other.safetensors")
    out = rexd("diagnose", reward_file, other, demos_file).out
    assert out.index(str(reward_file)) < out.index(str(other))
    assert out.count("grade: ") == 2


def test_a_reward_alone(rexd, reward_file):
    result = rexd("diagnose", reward_file)
    assert "expert rows, held out" in result.out
    played = rexd("diagnose", reward_file, "--env", ENV, "--json").json["rewards"][0]["probes"]
    assert "random policy" in [probe["name"] for probe in played]


def test_returns_of_other_trajectories_are_put_in_order(rexd, demos_file, tmp_path):
    mixed = save_demonstrations(make_demonstrations(count=6), tmp_path / "mixed.npz")
    result = rexd("diagnose", demos_file, "--data", mixed, *TINY)
    assert "rank correlation of learned and true return over 6 trajectories" in result.out
    ranks = rexd("diagnose", demos_file, "--data", mixed, "--json", *TINY).json["rewards"][0]["ranks"]
    assert ranks["trajectories"] == 6
    assert -1.0 <= ranks["low"] <= ranks["spearman"] <= ranks["high"] <= 1.0


def test_a_thorough_diagnosis_shows_what_was_fitted_again(rexd, demos_file):
    result = rexd("diagnose", demos_file, "--thorough", *TINY)
    headings = "fitted again with rows rank correlation held-out reward largest change of an AUROC"
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    begin = lines.index(headings)
    assert [line[:6] for line in lines[begin + 1 : begin + 4]] == ["seed 1", "seed 2", "seed 3"]
    assert lines[begin + 4].startswith("a half of the trajectories 80 ")
    assert lines[begin + 5].startswith("a quarter of the trajectories 40 ")


def test_data_without_rewards_are_refused(fails, demos_file, tmp_path):
    unpaid = save_demonstrations(make_demonstrations(rewards=False), tmp_path / "unpaid.npz")
    assert "expected rewards" in fails("diagnose", demos_file, "--data", unpaid, *TINY)


def test_an_expert_of_another_task_is_refused(fails, reward_file, tmp_path):
    other = save_demonstrations(circling(), tmp_path / "other.npz")
    assert "the reward was fitted to (batch, 3)" in fails("diagnose", reward_file, other)


def test_an_environment_of_other_columns_is_refused(fails, demos_file, reward_file):
    wrong = ("--env", ENV, "--env-kwargs", "columns=5")
    assert "columns" in fails("diagnose", demos_file, *wrong, *TINY)
    assert "the reward was fitted to (batch, 3)" in fails("diagnose", reward_file, *wrong)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"\x80\x04garbage", "not"), (b"{" * 400, "")],
    ids=["empty", "broken pickle", "noise"],
)
@pytest.mark.parametrize("name", ["demos.pkl", "reward.safetensors"])
def test_broken_files_are_refused(fails, tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    assert name in fails("diagnose", path)


def test_values_that_are_not_finite_are_refused(fails, tmp_path):
    path = tmp_path / "nan.npz"
    obs = np.zeros((30, 3), np.float32)
    obs[7] = np.nan
    np.savez(path, observations=obs, actions=np.zeros((30, 2), np.float32))
    assert "NaN" in fails("diagnose", path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no demonstrations are named"),
        (("missing.npz",), "missing.npz"),
        (("missing.safetensors",), "no such file"),
    ],
)
def test_what_is_not_there_is_said(fails, words, said):
    assert said in fails("diagnose", *words)


def test_options_without_an_effect_are_refused(fails, demos_file, reward_file):
    assert "fitted already" in fails("diagnose", reward_file, demos_file, "--sigma", 3)
    assert "--max-episode-steps" in fails("diagnose", demos_file, "--max-episode-steps", 5)
    assert "--velocity-columns" in fails("diagnose", reward_file, "--velocity-columns", "0:1")
    assert "--thorough fits the reward again" in fails("diagnose", reward_file, "--thorough")
    assert "columns 0 to 2" in fails("diagnose", demos_file, "--velocity-columns", "2:9")


def test_the_document_of_a_refusal(rexd, tmp_path):
    result = rexd("diagnose", tmp_path / "none.npz", "--json")
    assert result.status == 3
    assert json.loads(result.out)["status"] == "unreadable"
    assert "none.npz" in result.json["error"]["message"]


def test_velocities_that_are_named_make_a_probe(rexd, demos_file):
    found = rexd("diagnose", demos_file, "--velocity-columns", "0:2", "--json", *TINY).json["rewards"][0]["probes"]
    assert {"expert states without velocity", "worst standstill"} <= {probe["name"] for probe in found}
