"""imitation's npz, which has the final observation and one terminal flag of each trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import LENGTHS, STEPS, assert_read, trajectories

from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.source import Source
from rexd.reading.formats import imitation_npz
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints


def saved(folder: Path, **changes: Any) -> Path:
    """Write what ``imitation.data.types.save`` made of trajectories; None leaves an array out."""
    made = trajectories()
    infos = np.empty(STEPS, object)
    infos[:] = [{"episode": {"r": 1.0}} for _ in range(STEPS)]
    condensed: dict[str, Any] = {
        "obs": np.concatenate([np.concatenate([t["observations"], t["next_observations"][-1:]]) for t in made]),
        "acts": np.concatenate([t["actions"] for t in made]),
        "infos": infos,
        "terminal": np.array([t["dones"][-1] for t in made]),
        "rews": np.concatenate([t["rewards"] for t in made]),
        "indices": np.cumsum(LENGTHS[:-1]),
    }
    condensed |= changes
    file = folder / "final.npz"
    np.savez(file, **{name: value for name, value in condensed.items() if value is not None})
    return file


def test_trajectories(tmp_path: Path) -> None:
    demos = load_demonstrations(saved(tmp_path))
    assert_read(demos)
    assert demos.notes == ("ignored 'infos' of the file",)
    assert_read(load_demonstrations(saved(tmp_path, rews=None, infos=None)), rewards=False)


def test_without_final_observations(tmp_path: Path) -> None:
    flat = np.concatenate([t["observations"] for t in trajectories()])
    assert_read(load_demonstrations(saved(tmp_path, obs=flat)), following=False)


def test_one_trajectory(tmp_path: Path) -> None:
    one = {"obs": np.zeros((4, 2)), "acts": np.zeros(3, int), "rews": None, "infos": None}
    file = saved(tmp_path, indices=np.zeros(0, int), terminal=np.array([True]), **one)
    demos = load_demonstrations(file)
    assert ([len(t) for t in demos], demos.n_actions) == ([3], 1)


def test_infos_are_not_opened(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return (print, ("executed",))

    infos = np.array([Hostile()] * STEPS, object)
    file = saved(tmp_path, infos=infos)
    assert_read(load_demonstrations(file))
    with pytest.raises(UnsafeFileError, match="print"):
        _ = Source(file).npz["infos"]


def test_a_time_limit_is_terminal_too(tmp_path: Path) -> None:
    demos = imitation_npz.load(Source(saved(tmp_path)), Hints(max_episode_steps=5))
    assert [bool(t.terminated[-1]) for t in demos] == [True, False, False]
    assert "marked as done at the environment's time limit of 5" in demos.notes[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": np.array([4])}, r"indices \[4\] do not split 12 actions into 3 trajectories"),
        ({"indices": np.array([7, 4])}, "expected ascending row numbers"),
        ({"indices": np.array([4, 40])}, "expected ascending row numbers"),
        ({"indices": np.array([4.5, 7.5])}, "expected ascending row numbers"),
        ({"obs": np.zeros((14, 3))}, "has 14 observations for 12 actions of 3 trajectories"),
        ({"acts": np.float64(1.0)}, "actions are one number"),
        ({"rews": np.zeros(5)}, r"trajectory \d has \d rewards"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DemonstrationError, match=rf"final\.npz: .*{message}"):
        load_demonstrations(saved(tmp_path, **changes))


def golden(folder: Path) -> list[Golden]:
    return [Golden(saved(folder), trajectories=3)]
