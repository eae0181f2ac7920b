"""Local Minari datasets, by folder and by id."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden

from rexd.demos import load_demonstrations
from rexd.demos.formats import minari
from rexd.demos.hints import Hints
from rexd.demos.source import Source
from rexd.errors import DemonstrationError, MissingExtraError, SpaceMismatchError

DATASET = "rexd-tests/walk-v0"


def record(folder: Path, monkeypatch: pytest.MonkeyPatch, **spaces: Any) -> Path:
    """Two episodes, of 3 steps to the goal and of 2 steps cut off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Minari asks for authors and code links
        library = pytest.importorskip("minari")
        pytest.importorskip("h5py")
        gymnasium = pytest.importorskip("gymnasium")
        buffer = pytest.importorskip("minari.data_collector").EpisodeBuffer
        monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder))
        observation = spaces.get("observation", gymnasium.spaces.Box(-9, 9, (2,), np.float32))
        action = spaces.get("action", gymnasium.spaces.Box(-1, 1, (1,), np.float32))
        episodes = []
        for number, steps in enumerate((3, 2)):
            samples: Any = [observation.sample() for _ in range(steps + 1)]
            if isinstance(observation, gymnasium.spaces.Box) and len(observation.shape) == 1:
                samples = [np.full(2, 10 * number + t, np.float32) for t in range(steps + 1)]
            if isinstance(observation, gymnasium.spaces.Dict):
                samples = {key: [sample[key] for sample in samples] for key in samples[0]}
            ends = [t == steps - 1 for t in range(steps)]
            episodes.append(
                buffer(
                    id=number,
                    observations=samples,
                    actions=[action.sample() for _ in range(steps)],
                    rewards=[float(t) for t in range(steps)],
                    terminations=[end and number == 0 for end in ends],
                    truncations=[False] * steps,
                )
            )
        library.create_dataset_from_buffers(
            DATASET, buffer=episodes, observation_space=observation, action_space=action, env="CartPole-v1"
        )
    return folder / DATASET


def edit(dataset: Path, **changes: Any) -> None:
    file = dataset / "data" / "metadata.json"
    metadata = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in metadata.items() if value is not None}))


def test_by_folder_and_by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = record(tmp_path, monkeypatch)
    for path in (dataset, dataset / "data", dataset / "data" / "main_data.hdf5", DATASET):
        demos = load_demonstrations(path)
        assert [len(t) for t in demos] == [3, 2]
        assert (demos.source, demos.env_id, demos.n_actions) == (DATASET, "CartPole-v1", None)
        assert demos.returns == (3.0, 1.0)
        one, two = demos
        assert one.observations[:, 0].tolist() == [0, 1, 2]
        assert one.next_observations[:, 0].tolist() == [1, 2, 3]
        assert one.next_known.all()
        assert (one.terminated.tolist(), one.truncated.tolist()) == ([False, False, True], [False] * 3)
        assert (two.terminated.tolist(), two.truncated.tolist()) == ([False, False], [False, True])


def test_discrete_actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    demos = load_demonstrations(record(tmp_path, monkeypatch, action=spaces.Discrete(5)))
    assert demos.n_actions == 5
    assert demos.trajectories[0].actions.shape == (3,)


def test_recorded_boundaries_are_not_overruled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = record(tmp_path, monkeypatch)
    with pytest.raises(DemonstrationError, match="records trajectories of 2, 3 steps, but episode_length asks for 5"):
        load_demonstrations(dataset, episode_length=5)


def test_other_spaces_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    goal = spaces.Dict(goal=spaces.Box(-1, 1, (2,)), state=spaces.Box(-1, 1, (2,)))
    with pytest.raises(
        SpaceMismatchError, match=rf"{DATASET}: the observation space is made of several \(goal, state\)"
    ):
        load_demonstrations(record(tmp_path / "dict", monkeypatch, observation=goal))
    image = spaces.Box(0, 255, (8, 8, 3), np.uint8)
    with pytest.raises(SpaceMismatchError, match="Images are not supported"):
        load_demonstrations(record(tmp_path / "image", monkeypatch, observation=image))


def test_environment_of_the_file_is_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without spaces Minari would make it, which imports the module that the file names."""
    dataset = record(tmp_path, monkeypatch)
    edit(dataset, observation_space=None)
    gymnasium = pytest.importorskip("gymnasium")
    monkeypatch.setattr(gymnasium, "make", lambda *a, **k: pytest.fail("an environment was made"))
    with pytest.raises(DemonstrationError, match="has no 'observation_space'"):
        load_demonstrations(dataset)


def test_damage_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = record(tmp_path, monkeypatch)
    data = dataset / "data" / "main_data.hdf5"
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DemonstrationError, match=r"walk-v0: Minari cannot read it \("):
        load_demonstrations(dataset)
    data.unlink()
    with pytest.raises(DemonstrationError, match=r"has no main_data\.hdf5"):
        load_demonstrations(dataset)
    (dataset / "data" / "metadata.json").write_text("{")
    assert not minari.sniff(Source(dataset))
    with pytest.raises(DemonstrationError, match=r"metadata\.json: cannot be read as JSON"):
        minari.load(Source(dataset), Hints())


def test_arrays_that_claim_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = record(tmp_path, monkeypatch)
    h5py = pytest.importorskip("h5py")
    with h5py.File(dataset / "data" / "main_data.hdf5", "a") as content:
        del content["episode_0/observations"]
        content.create_dataset("episode_0/observations", shape=(10**12, 2), dtype="f4", chunks=(1024, 2))
    with pytest.raises(DemonstrationError, match="its arrays claim 8000000000"):
        load_demonstrations(dataset)


def test_nan_names_trajectory_and_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = record(tmp_path, monkeypatch)
    h5py = pytest.importorskip("h5py")
    with h5py.File(dataset / "data" / "main_data.hdf5", "a") as content:
        content["episode_1/actions"][1] = np.nan
    with pytest.raises(DemonstrationError, match=rf"{DATASET}: trajectory 1: actions: .* at step 1"):
        load_demonstrations(dataset)


def test_absent_dataset_says_how_to_fetch_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with pytest.raises(DemonstrationError, match="fetch it with: minari download mujoco/hopper/expert-v0"):
        load_demonstrations("mujoco/hopper/expert-v0")


@pytest.mark.parametrize("text", ["../../etc-v0", "/etc/x-v0", "hopper", "a b-v0", "hopper-v0.npz"])
def test_other_texts_are_no_ids(text: str) -> None:
    assert not minari.is_dataset_id(text)


def test_without_minari_the_install_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "walk" / "data"
    folder.mkdir(parents=True)
    spaces = {"observation_space": "{}", "action_space": "{}"}
    (folder / "metadata.json").write_text(json.dumps({"minari_version": "0.5", **spaces}))
    monkeypatch.setitem(__import__("sys").modules, "minari", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rexd\[minari\]'"):
        load_demonstrations(folder.parent)
    shutil.rmtree(folder)


def golden(folder: Path) -> list[Golden]:
    with pytest.MonkeyPatch.context() as patch:
        return [Golden(record(folder, patch), trajectories=2)]
