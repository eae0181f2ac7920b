"""The soak's short form: kills, a full disk, two at once and damaged files lose nothing and change nothing."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "scripts" / "soak.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the soak forks")
@pytest.mark.slow
def test_nothing_is_lost(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("soak", PATH)
    assert spec is not None
    assert spec.loader is not None
    soak = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "soak", soak)
    spec.loader.exec_module(soak)
    small = {"algorithm": "sb3-ppo", "steps": 100, "evaluate_every": 50, "warm_start": 0}
    count = soak.run(tmp_path, kills=2, damages=42, seed=0, **small)
    assert count.notes == []
    assert (count.lost, count.changed) == (0, 0)
    assert count.survived == count.injected == 2 + 2 + 1 + 42
