"""The verbs take several files, folders and patterns wherever they take one file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rexd import load_demonstrations, load_reward
from rexd.cli import main


@pytest.fixture
def episodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of twelve episodes, one a file, in which nothing says where a trajectory begins."""
    monkeypatch.chdir(tmp_path)
    Path("episodes").mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        states = np.cumsum(rng.normal(size=(31, 3)), axis=0)
        np.savez(f"episodes/ep_{number}.npz", obs=states, acts=np.tanh(states[:-1, :2]))
    Path("episodes/README.txt").write_text("twelve episodes\n")
    return Path("episodes")


def facts(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(words) in (0, 1)
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_inspect_folders_patterns_and_lists(episodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = facts(capsys, "inspect", "episodes", "--json")
    assert folder["format"] == "12 files, each npz of observations and actions"
    assert folder["file"] == "episodes"
    notes = " ".join(folder["notes"])  # type: ignore[arg-type]
    assert "left out 'README.txt'" in notes
    pattern = facts(capsys, "inspect", "episodes/*.npz", "--json")
    names = [f"episodes/ep_{number}.npz" for number in (10, 2, 0)]
    several = facts(capsys, "inspect", *names, "--json")
    assert several["file"] == " ".join(names)
    for key in ("transitions", "trajectories"):
        assert folder[key] == pattern[key]
    assert len(load_demonstrations(names)) == 3


def test_files_may_stand_after_options(episodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = facts(capsys, "inspect", "episodes/ep_0.npz", "episodes/ep_1.npz", "--columns", "0:2", "--json")
    for words in (
        ("--columns", "0:2", "--json", "episodes/ep_0.npz", "episodes/ep_1.npz"),
        ("episodes/ep_0.npz", "--columns", "0:2", "--json", "episodes/ep_1.npz"),
    ):
        assert facts(capsys, "inspect", *words) == one


def test_convert_takes_the_last_word_as_output(episodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = load_demonstrations("episodes")
    assert main(["convert", "episodes", "a.npz"]) == 0
    assert main(["convert", *(f"episodes/ep_{n}.npz" for n in range(12)), "b.npz", "--seed", "1"]) == 0
    assert main(["convert", "episodes/*.npz", "--seed", "1", "c.npz"]) == 0
    for name in "abc":
        assert load_demonstrations(f"{name}.npz").sha256 == whole.sha256
    capsys.readouterr()
    assert facts(capsys, "convert", "episodes/ep*", "d.npz", "--json")["read"]["file"] == "episodes/ep*"  # type: ignore[index]


def test_fit_and_score_a_folder(episodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "episodes", "-o", "r.safetensors", "--updates", "20"]) == 0
    capsys.readouterr()
    assert load_reward("r.safetensors").demonstrations_sha256_ == load_demonstrations("episodes").sha256
    scored = facts(capsys, "score", "r.safetensors", "episodes/ep_1.npz", "episodes/ep_0.npz", "--json")
    assert len(scored["trajectories"]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspect"], "no demonstrations are named"),
        (["fit"], "no demonstrations are named"),
        (["score", "r.safetensors"], "r.safetensors"),
        (["train", "--env", "Pendulum-v1"], "no demonstration file is given"),
        (["convert"], "expected what to read and, as the last word, the output"),
        (["convert", "episodes"], "expected what to read and, as the last word, the output"),
        (["inspect", "bundled", "episodes"], "not read together with files"),
        (["inspect", "nothing/*.npz"], "no file matches this pattern"),
        (["inspect", "episodes", "--colums", "0:2"], "--colums"),
    ],
)
def test_what_is_missing_or_wrong(
    episodes: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(words) == (3 if "nothing/*.npz" in words else 2)  # inspect found nothing to inspect
    assert message in capsys.readouterr().err
