"""The one call: formats, environments, bounds and columns together."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rexd.demos import Demonstrations, Trajectory
from rexd.errors import DemonstrationError, SpaceMismatchError, TaskError
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations


def environment(columns: int, limit: int | None = None) -> SimpleNamespace:
    observation = SimpleNamespace(shape=(columns,), low=np.full(columns, -np.inf), high=np.full(columns, np.inf))
    action = SimpleNamespace(shape=(1,), low=np.array([-1.0]), high=np.array([1.0]))
    spec = SimpleNamespace(max_episode_steps=limit)
    return SimpleNamespace(observation_space=observation, action_space=action, spec=spec)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "demos.pkl"
    actions = np.array([-3.0, 0.0, 0.5, 3.0, 0.0, 0.0])
    path.write_bytes(pickle.dumps({"observations": np.arange(12.0).reshape(6, 2), "actions": actions}))
    return path


def test_environment_object_gives_spaces_and_time_limit(file: Path) -> None:
    demos = load_demonstrations(file, env=environment(2, limit=6))
    assert len(demos) == 1
    assert demos.notes == (
        "taken as one trajectory of 6 steps, the environment's time limit",
        "clipped 2 of 6 action entries (33.3%) to the action space",
    )
    assert np.abs(demos.trajectories[0].actions).max() == 1.0


def test_columns_are_selected_before_the_environment_is_compared(file: Path) -> None:
    with pytest.raises(SpaceMismatchError, match="have 2 observation columns, the environment has 1"):
        load_demonstrations(file, env=environment(1), episode_length=3)
    for columns in (slice(0, 1), [0]):
        demos = load_demonstrations(file, env=environment(1), episode_length=3, columns=columns)
        assert demos.obs_dim == 1
        assert demos.trajectories[1].observations[:, 0].tolist() == [6.0, 8.0, 10.0]


def test_bounds_without_an_environment(file: Path) -> None:
    demos = load_demonstrations(file, episode_length=3, action_bounds=(-2, [0.25]))
    assert np.concatenate([t.actions for t in demos])[:, 0].tolist() == [-2.0, 0.0, 0.25, 0.25, 0.0, 0.0]
    assert demos.notes[-1] == "clipped 3 of 6 action entries (50.0%) to the action space"


def test_lengths_are_asked_for(file: Path) -> None:
    with pytest.raises(DemonstrationError, match=r"demos\.pkl: 6 steps .* is one trajectory: --episode-length 6;"):
        load_demonstrations(file)
    with pytest.raises(DemonstrationError, match=r"demos\.pkl: 6 steps do not divide into trajectories of 4"):
        load_demonstrations(str(file), episode_length=4)


def test_recorded_boundaries_may_be_confirmed_but_not_changed(tmp_path: Path) -> None:
    steps = Trajectory.from_steps(np.zeros((4, 2)), np.zeros((4, 1)))
    path = save_demonstrations(Demonstrations((steps, steps)), tmp_path / "demos.npz")
    assert len(load_demonstrations(path, episode_length=4)) == 2
    with pytest.raises(DemonstrationError, match="records trajectories of 4 steps, but episode_length asks for 2"):
        load_demonstrations(path, episode_length=2)


def test_an_object_without_spaces_is_no_environment(file: Path) -> None:
    with pytest.raises(TaskError, match="object has no observation_space"):
        load_demonstrations(file, env=object())


@pytest.mark.filterwarnings("ignore")  # the simulator's own
def test_real_files_with_gymnasium(shared_data: Path) -> None:
    pytest.importorskip("gymnasium")
    pytest.importorskip("mujoco")
    demos = load_demonstrations(shared_data / "red" / "Hopper-v2.pkl", env="Hopper-v5")
    assert [len(t) for t in demos] == [1000] * 4
    assert "the environment's time limit agrees" in demos.notes[0]
    assert demos.notes[1] == "clipped 5410 of 12000 action entries (45.1%) to the action space"
    assert demos.transitions().act.max() == 1.0
    with pytest.raises(SpaceMismatchError, match=r"111 .* 105.*not a prefix"):
        load_demonstrations(shared_data / "red" / "Ant-v2.pkl", env="Ant-v5")
    reacher = shared_data / "red" / "Reacher-v2.pkl"
    with pytest.raises(SpaceMismatchError, match="--columns 0:10"):
        load_demonstrations(reacher, env="Reacher-v5")
    assert load_demonstrations(reacher, env="Reacher-v5", columns=slice(0, 10)).obs_dim == 10


def test_unknown_environment_is_a_task_error(file: Path) -> None:
    pytest.importorskip("gymnasium")
    with pytest.raises(TaskError, match="NoSuchTask-v0 cannot be made"):
        load_demonstrations(file, env="NoSuchTask-v0")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"policy": 1, "value": 2}, "is a pickled dict of 'policy', 'value'"),
        ([{"reward": 1.0}], "is a pickled list of 1, the first: dict of 'reward'"),
    ],
)
def test_the_names_that_are_found_stand_beside_those_that_are_expected(
    tmp_path: Path, content: object, found: str
) -> None:
    file = tmp_path / "demos.pkl"
    file.write_bytes(pickle.dumps(content))
    expected = r"expected observations as 'observations', .* and actions as 'actions', .*rexd inspect --formats"
    with pytest.raises(DemonstrationError, match=rf"demos\.pkl: {found}; {expected}"):
        load_demonstrations(file)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (np.zeros(3), r"is a pickled array \(float64 of shape \(3,\)\)"),
        ("expert", "is a pickled str"),
        ([], "is a pickled list"),
    ],
)
def test_what_is_unknown_is_described_with_a_way_out(tmp_path: Path, content: object, found: str) -> None:
    file = tmp_path / "demos.pkl"
    file.write_bytes(pickle.dumps(content))
    expected = r"expected recorded observations and actions\. Build Trajectory\.from_steps.* rexd inspect --formats"
    with pytest.raises(DemonstrationError, match=rf"demos\.pkl: {found}; {expected}"):
        load_demonstrations(file)


def test_import_stays_light() -> None:
    code = "import sys, rexd.demos; print([m for m in ('torch', 'gymnasium', 'h5py', 'minari') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_damaged_names_of_an_hdf5_file_are_shown(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    file = tmp_path / "demos.h5"
    with h5py.File(file, "w") as content:
        content["weights"] = np.zeros(3)
    file.write_bytes(file.read_bytes().replace(b"weights", b"weigh\xff\xfe"))
    with pytest.raises(DemonstrationError, match="is an HDF5 file of b'weigh"):
        load_demonstrations(file)
