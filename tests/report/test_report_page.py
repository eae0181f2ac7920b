"""The page: its parts, its form, what it fetches, what hostile files can do to it, and how a browser shows it."""

from dataclasses import replace

import numpy as np
import pytest
from circling import TINY
from finished_run import VERSIONS, finished_run
from html_pages import Page, browser, console_of, widths_of
from line_task import make_demonstrations
from pixel_task import watched

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import MissingExtraError, RunError, SpaceMismatchError
from rexd.inspection.data.finding import Finding
from rexd.reading.anything import demonstrations_of
from rexd.report.material import Material
from rexd.report.page import anchor, page_of, write_page
from rexd.reward.files import load_reward
from rexd.reward.red.red import RED
from rexd.rl.training.run_folder import load_run

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
FACTS = {"file": "demos.npz", "trajectories": "4, of 40 steps", "unused": None}
FOUND = [Finding("warning", "a-code", "something was found", "--an-option")]


def episodes(fell=True, length=12):
    rng = np.random.default_rng(3)
    shape = rng.normal(size=(length + 1, 3)).astype(np.float32)
    actions = np.zeros((length, 2), np.float32)
    return [Trajectory.from_steps(shape, actions, terminated=fell, rewards=np.arange(length))] * 3


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A page of one run with everything."""
    folder = tmp_path_factory.mktemp("full")
    run = finished_run(folder / "run")
    (run.path / "episode.gif").write_bytes(b"GIF89a")
    demos = make_demonstrations()
    return Material(
        title="Line: run",
        facts=FACTS,
        findings=FOUND,
        demonstrations=demos,
        demonstrated=demos.returns,
        rewards={"run": run.reward()},
        runs={"run": run},
        episodes={"run": episodes()},
        notes=["A note."],
        commands=["rexd report run demos.npz -o page.html"],
    )


@pytest.fixture(scope="module")
def page(full, tmp_path_factory):
    return write_page(full, tmp_path_factory.mktemp("page") / "page.html")


def titles(text):
    return [part.partition("</h2>")[0].partition(">")[2] for part in text.split("<h2")[1:]]


def test_every_part_is_there(page):
    text = page.read_text("utf-8")
    assert titles(text) == [
        "Result", "Learning", "Video", "Demonstrations", "Reward: what it pays for", "Reward over time",
        "Reward over states", "Settings and versions", "Commands that reproduce this",
    ]  # fmt: skip
    assert "The policy reaches 82% of the demonstrations&#39; learned return; the clone reaches 58%." in text
    assert "4.500 ± 1.291" in text  # the final table
    assert "warning: a-code" in text
    assert "→ --an-option" in text
    assert "trained policy" in text
    assert "3 of 3 end in a terminal state" in text
    assert "reward.target_layers" in text
    assert VERSIONS["python"] in text
    assert "rexd train demos.npz --seed 0" in text
    assert "--seed 0 --episodes 4" in text
    assert 'src="data:image/gif;base64,' in text


def test_the_page_is_well_formed_and_complete(page):
    seen = Page(page.read_text("utf-8"))
    assert seen.faults == []
    assert seen.elsewhere == []
    assert len(seen.ids) == len(set(seen.ids))
    assert not seen.tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert len(seen.svgs) == 8
    for svg in seen.svgs:
        assert svg["role"] == "img"
        assert len(seen.words[svg["aria-labelledby"]].split()) > 8
    targets = {address[1:] for address in seen.fetched if address.startswith("#")}
    assert targets <= set(seen.ids)


def test_the_checks_of_the_form_find_faults():
    seen = Page('<div><p onclick="x()">a</div><img src="http://elsewhere/x.png"><i style="fill: url(//y)"></i>')
    assert len(seen.faults) >= 2
    assert seen.elsewhere == ["http://elsewhere/x.png", "//y"]


def test_the_same_material_gives_the_same_page(full, page):
    assert page_of(full, page) == page.read_text("utf-8")


def test_what_is_not_given_is_left_out(tmp_path):
    demos = make_demonstrations()
    alone = page_of(Material(title="Data", facts=FACTS, findings=(), demonstrations=demos), tmp_path / "p.html")
    assert titles(alone) == ["Demonstrations", "States"]
    assert "Nothing was found that speaks against it." in alone
    assert "unused" not in alone
    run = finished_run(tmp_path / "run", reward=False)
    text = page_of(Material(title="Run", runs={"run": run}, episodes={"run": episodes()}), tmp_path / "p.html")
    assert titles(text) == [
        "Result", "Learning", "Episodes of the policy", "Settings and versions", "Commands that reproduce this",
    ]  # fmt: skip
    assert "environment&#39;s reward along the episodes of run" in text.replace("'", "&#39;")
    reward = load_reward(finished_run(tmp_path / "other").path / "reward.safetensors")
    text = page_of(Material(title="Reward", rewards={"r": reward}), tmp_path / "p.html")
    assert titles(text) == ["Reward: what it pays for", "Settings and versions"]
    assert Page(text).faults == []


def test_rewards_that_look_at_images(tmp_path):
    demos = demonstrations_of(watched(3))
    model = RED(**TINY).fit(demos)
    text = page_of(Material(title="Images", rewards={"r": model}, demonstrations=demos), tmp_path / "p.html")
    assert titles(text) == ["Reward: what it pays for", "Reward over time", "Settings and versions"]
    assert "The reward along 3 trajectories" in text


def test_an_unfinished_run_says_so(tmp_path):
    run = finished_run(tmp_path / "run")
    (run.path / "evaluation.json").unlink()
    text = page_of(Material(title="Run", runs={"run": load_run(run.path)}), tmp_path / "p.html")
    assert "The run has no final evaluation yet; --resume continues it." in text
    assert "Learning curve: true return" in text


def test_several_runs_are_one_band_and_one_table(tmp_path):
    runs = {f"seed{seed}": finished_run(tmp_path / f"seed{seed}", seed=seed) for seed in range(3)}
    text = page_of(Material(title="Runs", runs=runs), tmp_path / "p.html")
    assert "mean of 3 runs" in text
    results = text.partition('<h2 id="learning"')[0]
    assert results.count(">demonstrations</th>") == 1  # all runs have the same
    for name in runs:
        assert f">policy, {name}</th>" in text
    assert "3 runs of RexdCliLine-v0</th><td>5.500 ± 1.000</td>" in text
    assert "<td>0; 1; 2</td>" in text  # the seeds, among the settings


HOSTILE = "<script>alert(1)</script>"


def test_text_from_files_stays_text(tmp_path):
    demos = make_demonstrations()
    names = (HOSTILE, '"><img src=http://elsewhere onerror=alert(1)>', "$\\frac{")
    hostile = Demonstrations(demos.trajectories, column_names=names)
    run = finished_run(
        tmp_path / "run",
        env=HOSTILE,
        versions={HOSTILE: HOSTILE},
        processor="</style><script>",
        command=["rexd", HOSTILE, "\x1b[2J\x00"],
    )
    (run.path / "metrics.jsonl").write_text('{"steps": 1, "true_return": 2.0}\n{"steps": 2, "true_return": 3.0}\n')
    finding = Finding("error", HOSTILE, HOSTILE, HOSTILE)
    material = Material(
        title=HOSTILE, facts={HOSTILE: HOSTILE}, findings=[finding], demonstrations=hostile, runs={HOSTILE: run},
        rewards={HOSTILE: run.reward()}, episodes={HOSTILE: episodes()}, notes=[HOSTILE], columns=(HOSTILE, "2"),
    )  # fmt: skip
    text = page_of(material, tmp_path / "p.html")
    seen = Page(text)
    assert "script" not in seen.tags
    assert seen.faults == []
    assert seen.elsewhere == []
    assert "\x00" not in text
    assert "\x1b" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 8
    assert "$\\frac{" in text


def test_damaged_records_are_an_error_that_names_the_folder(tmp_path):
    run = finished_run(tmp_path / "run")
    (run.path / "evaluation.json").write_text('{"true": {"mean": "high"}, "episodes": 3}')
    with pytest.raises(RunError, match=r"run: damaged evaluation.json or metrics.jsonl .*Copy the folder again"):
        page_of(Material(title="Run", runs={"run": load_run(run.path)}), tmp_path / "p.html")


def test_demonstrations_of_another_task_are_refused(tmp_path):
    run = finished_run(tmp_path / "run")
    material = Material(title="Run", rewards={"run": run.reward()}, demonstrations=make_demonstrations(columns=5))
    with pytest.raises(SpaceMismatchError, match=r"the reward was fitted to \(batch, 3\)"):
        page_of(material, tmp_path / "p.html")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rexd\[report\]'"):
        write_page(Material(title="Nothing"), tmp_path / "p.html")
    assert not list(tmp_path.iterdir())


def test_anchors():
    assert anchor("Reward of run/a: what it pays for") == "reward-of-run-a-what-it-pays-for"


in_a_browser = pytest.mark.skipif(browser() is None, reason="neither chromium nor google-chrome is installed")


@pytest.mark.slow
@in_a_browser
def test_a_browser_shows_it_without_errors_and_without_sideways_scrolling(page, tmp_path):
    assert console_of(page, tmp_path / "profile") == []
    for width in (400, 1200):
        given, taken = widths_of(page, tmp_path / "profile", width)
        assert given == width
        assert taken <= width


@in_a_browser
def test_the_browser_would_tell(tmp_path):
    wide = tmp_path / "wide.html"
    wide.write_text(
        "<!doctype html><meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\"><title>a</title>"
        "<div style='width: 900px'>wide</div><script>1</script>"
    )
    assert any("Content Security Policy" in line for line in console_of(wide, tmp_path / "profile"))
    assert widths_of(wide, tmp_path / "profile", 400) == (400, 400)  # its own policy refuses the style
    wide.write_text("<!doctype html><title>a</title><div style='width: 900px'>wide</div>")
    assert widths_of(wide, tmp_path / "profile", 400)[1] >= 900


@in_a_browser
def test_long_names_do_not_widen_the_page(full, tmp_path):
    long = replace(full, title="x" * 300, facts={"file": "/a" * 200}, notes=["y" * 300], commands=["z" * 500])
    narrow = write_page(long, tmp_path / "page.html")
    assert widths_of(narrow, tmp_path / "profile", 400)[1] <= 400
