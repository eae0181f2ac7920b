"""An npz of arrays under the names that tools use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import LENGTHS, STEPS, assert_read, flat, trajectories

from rexd.errors import DemonstrationError
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints


def saved(folder: Path, compress: bool = False, **arrays: Any) -> Path:
    file = folder / "demos.npz"
    (np.savez_compressed if compress else np.savez)(file, **arrays)
    return file


@pytest.mark.parametrize("compress", [False, True])
def test_rows_end_to_end(tmp_path: Path, compress: bool) -> None:
    demos = load_demonstrations(saved(tmp_path, compress, **flat(), seed=np.array(0)))
    assert_read(demos)
    assert demos.notes[-1] == "ignored 'seed' of the file"


def test_other_names(tmp_path: Path) -> None:
    columns = flat()
    starts = np.cumsum((0, *LENGTHS[:-1]))
    demos = load_demonstrations(
        saved(tmp_path, states=columns["observations"], acts=columns["actions"], episode_starts=starts)
    )
    assert_read(demos, ends=False, following=False, rewards=False)


def test_names_alone_need_a_length(tmp_path: Path) -> None:
    columns = flat()
    file = saved(tmp_path, observations=columns["observations"], actions=columns["actions"])
    assert [len(t) for t in load_demonstrations(file, episode_length=6)] == [6, 6]
    with pytest.raises(DemonstrationError, match="--episode-length"):
        load_demonstrations(file)


def test_the_final_observation_of_one_trajectory(tmp_path: Path) -> None:
    columns = flat()
    file = saved(tmp_path, observations=columns["observations"], actions=columns["actions"][:-1], seed=np.array(0))
    (only,) = demos = load_demonstrations(file)
    np.testing.assert_array_equal(only.next_observations, columns["observations"][1:])
    assert only.next_known.all()
    assert "taken as one trajectory of 11 steps" in demos.notes[0]


def test_one_array_for_each_trajectory(tmp_path: Path) -> None:
    made: dict[str, Any] = {}
    for name in flat():
        made[name] = np.empty(len(LENGTHS), object)
        made[name][:] = [t[name] for t in trajectories()]
    assert_read(load_demonstrations(saved(tmp_path, **made)))


def test_one_row_of_a_batch_for_each_trajectory(tmp_path: Path) -> None:
    demos = load_demonstrations(saved(tmp_path, obs=np.zeros((3, 6, 4)), acts=np.zeros((3, 5, 2))))
    assert [len(t) for t in demos] == [5] * 3
    assert all(t.next_known.all() for t in demos)


def test_what_is_no_array_is_named(tmp_path: Path) -> None:
    file = saved(tmp_path, obs=np.array({"a": 1}, object), acts=np.zeros(3))
    with pytest.raises(DemonstrationError, match="observations have no part that is an array of numbers"):
        load_demonstrations(file)
    file = saved(tmp_path, obs=np.array(1.0), acts=np.zeros(3))
    with pytest.raises(DemonstrationError, match="'obs' is one number or object; expected one row for each step"):
        load_demonstrations(file)


def golden(folder: Path) -> list[Golden]:
    (folder / "alone").mkdir()
    (folder / "steps").mkdir()
    walks = np.cumsum(np.random.default_rng(0).normal(size=(50, 4, 3)), axis=0)
    alone = saved(folder / "alone", obs=flat()["observations"], acts=flat()["actions"])
    return [
        Golden(saved(folder, compress=True, **flat()), trajectories=3),
        Golden(alone, trajectories=2, hints=Hints(episode_length=STEPS // 2)),
        Golden(saved(folder / "steps", obs=walks, acts=walks[:, :, :2]), trajectories=4),
    ]
