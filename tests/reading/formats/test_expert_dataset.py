"""The npz of Stable-Baselines 2, with mixed objects as episode starts and next observations recorded after resets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import LENGTHS, STEPS, assert_read, flat

from rexd.errors import DemonstrationError
from rexd.reading.load import load_demonstrations

START = np.isin(np.arange(STEPS), np.cumsum((0, *LENGTHS[:-1])))


def mixed_starts() -> Any:
    """Return starts as ``generate_expert_traj`` writes them: truth values, and arrays of one from vector envs."""
    starts = np.empty(STEPS, object)
    starts[:] = [bool(value) if row % 2 else np.array([value]) for row, value in enumerate(START)]
    return starts


def saved(folder: Path, **changes: Any) -> Path:
    columns = flat()
    made: dict[str, Any] = {
        "actions": columns["actions"],
        "obs": columns["observations"],
        "rewards": columns["rewards"][:, None],
        "episode_returns": np.zeros(len(LENGTHS)),
        "episode_starts": mixed_starts(),
    }
    file = folder / "expert.npz"
    np.savez(file, **(made | changes))
    return file


@pytest.mark.parametrize("starts", [mixed_starts(), START, START[:, None], START.astype(object)])
def test_episodes(tmp_path: Path, starts: Any) -> None:
    demos = load_demonstrations(saved(tmp_path, episode_starts=starts))
    assert_read(demos, ends=False, following=False)
    assert demos.notes == ()


def test_next_observations_after_a_reset_are_not_used(tmp_path: Path) -> None:
    following = np.roll(flat()["observations"], -1, axis=0)
    following[-1] = 7.0  # a reset that no row shows
    demos = load_demonstrations(saved(tmp_path, next_obs=following))
    assert_read(demos_without_last(demos), ends=False, following=False)
    assert "as recorded after an automatic reset: not used" in demos.notes[0]


def demos_without_last(demos: Any) -> Any:
    """A last next observation that is not known repeats the row's own observation."""
    for t in demos:
        assert not t.next_known[-1]
        np.testing.assert_array_equal(t.next_observations[-1], t.observations[-1])
    return demos


def test_some_resets_are_told_apart(tmp_path: Path) -> None:
    following = flat()["next_observations"].copy()
    following[LENGTHS[0] - 1] = flat()["observations"][LENGTHS[0]]
    demos = load_demonstrations(saved(tmp_path, next_obs=following))
    assert [bool(t.next_known.all()) for t in demos] == [False, True, True]
    assert demos.notes[0].startswith("the last next observation of 1 of 3 trajectories")


def test_true_next_observations_are_kept(tmp_path: Path) -> None:
    file = saved(tmp_path, next_obs=flat()["next_observations"])
    assert_read(load_demonstrations(file), ends=False)


def test_discrete_actions(tmp_path: Path) -> None:
    demos = load_demonstrations(saved(tmp_path, actions=np.arange(STEPS)[:, None] % 3))
    assert demos.n_actions == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"episode_starts": np.zeros(STEPS, bool)}, "the starts of the trajectories do not fit 12 rows"),
        ({"episode_starts": np.zeros(5, bool)}, r"episode_starts have shape \(5,\)"),
        ({"episode_starts": np.array([{}] * STEPS, object)}, "episode_starts are an object array"),
        ({"obs": np.array(["frame.png"] * STEPS)}, "observations are of dtype <U9; expected numbers"),
        ({"obs": np.zeros(())}, "observations have shape"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DemonstrationError, match=rf"expert\.npz: .*{message}"):
        load_demonstrations(saved(tmp_path, **changes))


def golden(folder: Path) -> list[Golden]:
    following = np.roll(flat()["observations"], -1, axis=0)
    (folder / "next").mkdir()
    return [
        Golden(saved(folder), trajectories=3),
        Golden(saved(folder / "next", next_obs=following), trajectories=3),
    ]
