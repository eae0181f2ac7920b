"""The soak's short forms: kills, a full disk, two at once and damaged files lose nothing and change nothing."""

import os
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
KILLS = {"hdf5": 1, "npz": 1, "parquet": 0, "minari": 0}
DAMAGES = {"hdf5": 4, "npz": 4, "parquet": 3, "minari": 3}


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the soak forks")


def test_nothing_of_one_relabelling_is_lost(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import soak

    counts = soak.run(tmp_path, kills=1, damages=12, seed=0, units=16, only="relabel hdf5")
    assert counts["relabel hdf5: kills"].injected == 1
    assert (counts["all"].lost, counts["all"].changed, counts["all"].notes) == (0, 0, [])
    assert counts["all"].survived == counts["all"].injected >= 6


@pytest.mark.slow
def test_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import soak

    small = {"algorithm": "sb3-ppo", "steps": 100, "evaluate_every": 50, "warm_start": 0}
    counts = soak.run(tmp_path, kills=2, damages=42, seed=0, units=16, **small)
    assert counts["all"].notes == []
    assert (counts["all"].lost, counts["all"].changed) == (0, 0)
    assert counts["all"].survived == counts["all"].injected
    assert {name: count.injected for name, count in counts.items() if "disk" not in name} == {
        "train: kills": 2,
        "train: two at once": 1,
        "train: damaged files": 42,
        **{f"relabel {layout}: kills": kills for layout, kills in KILLS.items()},
        **{f"relabel {layout}: two at once": 1 for layout in KILLS},
        **{f"relabel {layout}: damaged files": damages for layout, damages in DAMAGES.items()},
        "all": sum(count.injected for name, count in counts.items() if name != "all"),
    }
    assert all(count.injected >= 3 for name, count in counts.items() if "disk" in name)
