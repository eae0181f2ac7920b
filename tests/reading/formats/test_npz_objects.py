"""An npz whose arrays are objects, one for each trajectory or one of all."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import COLUMNS, assert_read, flat, trajectories

from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.source import Source
from rexd.reading.formats import npz_objects
from rexd.reading.load import load_demonstrations


def saved(folder: Path, *objects: Any, **named: Any) -> Path:
    file = folder / "demos.npz"
    np.savez(file, *objects, **named)
    return file


def rows() -> list[dict[str, Any]]:
    columns = flat()
    keys = {"obs": "observations", "action": "actions", "reward": "rewards", "done": "dones"}
    made = [{key: columns[name][n] for key, name in keys.items()} for n in range(len(columns["actions"]))]
    return [row | {"next_obs": following} for row, following in zip(made, columns["next_observations"], strict=True)]


def test_one_dict_for_each_trajectory(tmp_path: Path) -> None:
    assert_read(load_demonstrations(saved(tmp_path, *trajectories())))
    named = {f"trajectory_{number}": made for number, made in enumerate(trajectories())}
    demos = load_demonstrations(saved(tmp_path, **named, seed=np.array(3)))
    assert_read(demos)
    assert "'seed'" in demos.notes[-1]


def test_one_object_of_all(tmp_path: Path) -> None:
    assert_read(load_demonstrations(saved(tmp_path, expert=flat())))
    assert_read(load_demonstrations(saved(tmp_path, expert=np.array(rows(), object))))
    held = np.empty((), object)
    held[()] = deque(rows())
    assert_read(load_demonstrations(saved(tmp_path, expert=held)))


def test_columns(tmp_path: Path) -> None:
    assert load_demonstrations(saved(tmp_path, *trajectories()), columns=[0, 2]).obs_dim == 2
    parts = np.empty(3, object)
    parts[:] = [np.zeros((n, COLUMNS + 1)) for n in (4, 3, 5)]
    demos = load_demonstrations(saved(tmp_path, rows=parts), columns=slice(0, COLUMNS))
    assert ([len(t) for t in demos], demos.obs_dim, demos.act_dim) == ([4, 3, 5], COLUMNS, 1)


def test_objects_are_not_executed(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return (print, ("executed",))

    with pytest.raises(UnsafeFileError, match="print"):
        load_demonstrations(saved(tmp_path, expert=np.array(Hostile(), object)))


def test_other_objects_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, weights=np.array({"w": 1.0}, object))
    assert not npz_objects.sniff(Source(file))
    with pytest.raises(DemonstrationError, match=r"is an npz of weights \(dict\); expected observations as"):
        load_demonstrations(file)


def golden(folder: Path) -> list[Golden]:
    (folder / "one").mkdir()
    return [
        Golden(saved(folder, *trajectories()), trajectories=3),
        Golden(saved(folder / "one", expert=flat()), trajectories=3),
    ]
