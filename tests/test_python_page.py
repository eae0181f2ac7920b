"""The examples of docs/python.md run as they are written, in order; only the training is short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rexd

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.slow
def test_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("stable_baselines3")
    from steering import CONFIG

    train = rexd.train

    def briefly(*given, steps=None, **named):
        short = {"config": CONFIG, "algorithm": "sb3-sac", "steps": 40}
        return train(*given, **named, **short)

    monkeypatch.setattr(rexd, "train", briefly)
    monkeypatch.chdir(tmp_path)
    assert len(EXAMPLES) == 4
    names = {"__name__": "python_page"}
    for example in EXAMPLES:
        exec(compile(example, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert "<RED, fitted to 200 transitions" in printed
    assert "<Run runs/room: make_room, sb3-sac, 40 steps, seed 0\n returns over 3 episodes: learned " in printed
    assert "unknown training settings: stepps. Did you mean 'steps'?" in printed
    assert names["action"].shape == (1, 1)
    assert names["run"].env_reference == "python_page:make_room"
    assert (tmp_path / "reward.safetensors").is_file()


def test_the_page_names_what_a_run_keeps() -> None:
    from rexd.rl.training.provenance import provenance

    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in provenance())
