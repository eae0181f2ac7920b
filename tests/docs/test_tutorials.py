"""Each tutorial runs as it is written, in order, in a folder of its own, and keeps its blocks short."""

import re
from pathlib import Path

import numpy as np
import pytest

import rexd

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
MOST_LINES = 11


def blocks_of(name):
    text = (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def run(name, tmp_path, monkeypatch):
    pytest.importorskip("stable_baselines3")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": name}
    for block in blocks_of(name):
        exec(compile(block, f"{name}.md", "exec"), names)
    return names


@pytest.mark.parametrize("page", sorted(path.stem for path in TUTORIALS.glob("*.md")))
def test_blocks_can_be_taken_in_at_once(page):
    blocks = blocks_of(page)
    assert blocks
    lines = [[line for line in block.splitlines() if line.strip()] for block in blocks]
    assert max(map(len, lines)) <= MOST_LINES


@pytest.mark.slow
def test_own_data(tmp_path, monkeypatch):
    pytest.importorskip("sbx")
    names = run("own-data", tmp_path, monkeypatch)
    assert names["run"].evaluation["steps"] == 400
    rows = names["observations"][0], names["actions"][0]
    again = rexd.load_reward(tmp_path / "reward.safetensors")
    np.testing.assert_array_equal(again.predict(*rows), names["reward"].predict(*rows))
    assert names["action"].shape == (6,)
    assert np.abs(names["action"]).max() <= 1
    assert "error" not in {finding.severity for finding in names["findings"]}
    assert names["robot"].sha256 == names["demos"].sha256
    assert any("ignored 'clock'" in note for note in names["robot"].notes)
    assert names["swings"].lengths.tolist() == [200] * 3
    assert np.abs(np.concatenate([t.actions for t in names["swings"]])).max() > 1


def test_own_loop(tmp_path, monkeypatch):
    names = run("own-loop", tmp_path, monkeypatch)
    random = names["reward"].predict(names["rows"].obs, names["noise"], step=names["rows"].step)
    assert names["paid"].mean() > random.mean() + 0.2
    assert 0 <= names["learned"] <= 1
    assert names["learned"] != names["info"]["original_reward"]
    assert (names["returns"] > 0).all()


def test_from_di_engine(tmp_path, monkeypatch):
    names = run("from-di-engine", tmp_path, monkeypatch)
    assert [len(episode) for episode in names["demos"]] == [200] * 4
    assert not np.concatenate([episode.terminated for episode in names["demos"]]).any()
    kept = rexd.load_reward(tmp_path / "reward.safetensors")
    rows = [[np.asarray(row[key]) for row in names["expert"][:64]] for key in ("obs", "action")]
    paid = [row["reward"].item() for row in names["batch"]]
    np.testing.assert_allclose(kept.predict(*map(np.stack, rows)), paid, rtol=1e-5)


def test_from_imitation(tmp_path, monkeypatch):
    names = run("from-imitation", tmp_path, monkeypatch)
    recorded = rexd.bundled_demonstrations("Pendulum-v1")
    for read, episode in zip(names["demos"], recorded, strict=True):
        np.testing.assert_array_equal(read.observations, episode.observations)
        np.testing.assert_array_equal(read.next_observations, episode.next_observations)
    assert names["venv"].reward_model is names["reward"]
