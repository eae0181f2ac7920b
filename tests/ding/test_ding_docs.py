"""The tutorial of docs/ding.md runs as it is written, in order, in one folder."""

import re
from pathlib import Path

import pytest

from rexd.ding import RedRewardModel, RexdRewardModel
from rexd.ding.presets import CALIBRATED, DOCUMENTED

PAGE = Path(__file__).parents[2] / "docs" / "ding.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.filterwarnings("ignore:RED is trained once:UserWarning")  # the page says so
def test_tutorial(tmp_path, monkeypatch, capsys):
    pytest.importorskip("gymnasium")
    pytest.importorskip("stable_baselines3")
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) == 6
    names = {"__name__": "tutorial"}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert printed.startswith("100\n")
    assert "torch.Size([64])" in printed
    assert "learned return of an episode" in printed
    assert all("reward" in row and row["reward"].shape == (1,) for row in names["rows"])


@pytest.mark.parametrize("name", [name for name in CALIBRATED if name != "type"])
def test_table_of_settings(name):
    table = TEXT.split("## Settings")[1].splitlines()
    line = next(line for line in table if line.startswith("| `") and f"`{name}`" in line.split("|")[1])
    red, rexd = (cell.strip().strip("`") for cell in line.split("|")[2:4])
    if name in DOCUMENTED:
        assert red == shown(DOCUMENTED[name])
    else:
        assert red.startswith("–")
    assert (red if rexd == "same" else rexd) == shown(CALIBRATED[name])


def test_docstrings_name_the_settings():
    for name in ("action_shape", "continual", "expert_filter", "inplace", "seed", *DOCUMENTED):
        assert f"{name} (" in RedRewardModel.__doc__
    assert RexdRewardModel.config is CALIBRATED


def shown(value):
    return "1e-3" if value == 1e-3 else str(value)
