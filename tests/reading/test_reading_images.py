"""Images as observations: read as bytes from memory, npz and pickles, and refused where they cannot be read."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from pixel_task import IMAGE, PixelTask, watched

import rexd
from rexd.errors import DemonstrationError, RexdError, SpaceMismatchError
from rexd.inspection.inspect import inspect_demonstrations


def rows() -> dict[str, Any]:
    episodes = watched()
    return {
        "obs": np.concatenate([e["observations"][:-1] for e in episodes]),
        "next_obs": np.concatenate([e["observations"][1:] for e in episodes]),
        "acts": np.concatenate([e["actions"] for e in episodes]),
        "dones": np.tile(np.arange(15) == 14, 6),
    }


def layouts() -> dict[str, Any]:
    made, episodes = rows(), watched()
    return {
        "arrays": made,
        "trajectories": episodes,
        "a list for each column": {
            "obs": [e["observations"] for e in episodes],
            "acts": [e["actions"] for e in episodes],
        },
        "transitions": [{key: made[key][n] for key in made} for n in range(90)],
    }


def check(demos: rexd.Demonstrations) -> None:
    assert demos.image == IMAGE
    assert [len(t) for t in demos] == [15] * 6
    for t, episode in zip(demos, watched(), strict=True):
        assert t.observations.dtype == t.next_observations.dtype == np.uint8
        np.testing.assert_array_equal(t.observations, episode["observations"][:-1])
        np.testing.assert_array_equal(t.next_observations, episode["observations"][1:])
    assert demos.transitions().obs.dtype == np.uint8


@pytest.mark.parametrize("layout", layouts())
def test_memory_pickle_and_npz(layout: str, tmp_path: Path) -> None:
    content = layouts()[layout]
    check(rexd.to_demonstrations(content, env=PixelTask()))
    file = tmp_path / "demos"
    file.write_bytes(pickle.dumps(content))
    demos = rexd.load_demonstrations(file)
    check(demos)
    check(rexd.load_demonstrations(rexd.save_demonstrations(demos, tmp_path / "demos.npz"), env=PixelTask()))
    assert "images of shape (16, 16, 3)" in repr(demos)
    assert "images of shape (16, 16, 3)" in repr(demos.trajectories[0])
    if layout == "arrays":
        np.savez(tmp_path / "plain.npz", **content)
        check(rexd.load_demonstrations(tmp_path / "plain.npz"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"obs": np.zeros((90, 16, 16, 3))}, "float64, as images do; expected .* bytes"),
        ({"obs": np.zeros((90, 3, 16, 84), np.uint8)}, "Move the channels to the end"),
        ({"obs": np.zeros((90, 16, 16), np.uint8)}, "as images do"),
        ({"next_obs": np.zeros((90, 16, 16, 1), np.uint8)}, "next observations have shape"),
        ({"dones": None, "next_obs": None}, "images are stored end to end.*--episode-length"),
    ],
)
def test_other_images_are_refused(change: dict[str, Any], message: str) -> None:
    data = {key: value for key, value in (rows() | change).items() if value is not None}
    with pytest.raises(DemonstrationError, match=message):
        rexd.to_demonstrations(data)


def test_what_needs_columns_says_so(tmp_path: Path) -> None:
    demos = rexd.to_demonstrations(watched())
    with pytest.raises(DemonstrationError, match="do not fit observations of 0 columns"):
        demos.select_columns([0])
    with pytest.raises(DemonstrationError, match="inspect looks at nothing else"):
        inspect_demonstrations(demos, None)
    env = PixelTask()
    env.observation_space = type(env.observation_space)(0, 255, (8, 8, 3), np.uint8)
    with pytest.raises(SpaceMismatchError, match=r"images of shape \(16, 16, 3\), the environment has \(8, 8, 3\)"):
        rexd.to_demonstrations(watched(), env=env)
    with pytest.raises(RexdError, match=r"trains no policy on pixels. Fit the reward with rexd.RED"):
        rexd.train(demos, env=PixelTask, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
