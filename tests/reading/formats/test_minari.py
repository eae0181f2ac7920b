"""Local Minari datasets, by folder and by id."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import warnings
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from stress import damaged

from rexd.demos import Demonstrations, Trajectory
from rexd.errors import DemonstrationError, MissingExtraError, RexdError, SpaceMismatchError
from rexd.reading.containers.source import Source
from rexd.reading.formats import minari
from rexd.reading.load import load_demonstrations
from rexd.reading.minari.writing import save_minari
from rexd.reading.rows.hints import Hints

DATASET = "rexd-tests/walk-v0"


STORAGES = ("hdf5", "arrow", "parquet")
every_storage = pytest.mark.parametrize("storage", STORAGES)


def has(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # hidden
        return False


def record(folder: Path, monkeypatch: pytest.MonkeyPatch, storage: str = "hdf5", **spaces: Any) -> Path:
    """Record two episodes: one of 3 steps that reaches the goal, and one of 2 steps that is truncated."""
    if storage != "hdf5":
        pytest.importorskip("pyarrow")
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
            samples = transposed(observation, samples)
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
            DATASET,
            buffer=episodes,
            observation_space=observation,
            action_space=action,
            env="CartPole-v1",
            data_format=storage,
        )
    return folder / DATASET


def transposed(space: Any, samples: Any) -> Any:
    """Turn samples of a dict or a tuple into a dict or a tuple of samples, as in Minari's buffers."""
    if isinstance(getattr(space, "spaces", None), dict):
        return {key: transposed(part, [sample[key] for sample in samples]) for key, part in space.spaces.items()}
    if hasattr(space, "spaces"):
        return tuple(transposed(part, [sample[n] for sample in samples]) for n, part in enumerate(space.spaces))
    return samples


def edit(dataset: Path, **changes: Any) -> None:
    file = dataset / "data" / "metadata.json"
    metadata = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in metadata.items() if value is not None}))


def test_a_folder_of_another_name_is_named_in_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = record(tmp_path, monkeypatch)
    edit(dataset, dataset_id="somebody/else-v0", action_space="{")
    with pytest.raises(DemonstrationError, match=re.escape(str(dataset))):
        load_demonstrations(dataset)


@every_storage
def test_by_folder_and_by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str) -> None:
    dataset = record(tmp_path, monkeypatch, storage)
    paths = [dataset, dataset / "data", DATASET]
    for path in [*paths, dataset / "data" / "main_data.hdf5"] if storage == "hdf5" else paths:
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


@every_storage
def test_discrete_actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str) -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    demos = load_demonstrations(record(tmp_path, monkeypatch, storage, action=spaces.Discrete(5)))
    assert demos.n_actions == 5
    assert demos.trajectories[0].actions.shape == (3,)


def parts() -> tuple[Any, Any]:
    """Return a space of many kinds, and the part of it that holds numbers."""
    spaces = pytest.importorskip("gymnasium").spaces
    usable = {
        "state": spaces.Box(-1, 1, (3,), np.float64),
        "grid": spaces.Box(-1, 1, (2, 2), np.float32),
        "choice": spaces.Discrete(4, start=2),
        "nested": spaces.Tuple((spaces.MultiBinary(3), spaces.MultiDiscrete([2, 3]))),
        "one": spaces.Box(-1, 1, (), np.float32),
    }
    image = spaces.Box(0, 255, (8, 8, 3), np.uint8)
    return spaces.Dict(usable | {"camera": image}), spaces.Dict(usable)


@every_storage
def test_parts_are_flattened_as_gymnasium_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    every, usable = parts()
    dataset = record(tmp_path, monkeypatch, storage, observation=every)
    demos = load_demonstrations(dataset)
    episodes = list(pytest.importorskip("minari").MinariDataset(dataset / "data").iterate_episodes())
    for trajectory, episode in zip(demos, episodes, strict=True):
        rows = [nth(episode.observations, n) for n in range(len(trajectory) + 1)]
        flat = np.array([gymnasium.spaces.flatten(usable, {key: row[key] for key in usable}) for row in rows])
        np.testing.assert_array_equal(trajectory.observations, flat[:-1])
        np.testing.assert_array_equal(trajectory.next_observations, flat[1:])
    assert demos.notes == (
        "observation columns are 'choice' 0:4, 'grid' 4:8, 'nested/0' 8:11, 'nested/1' 11:16, 'one' 16:17, "
        "'state' 17:20",
        "left out 'camera' of the observations: images, text and other parts without numbers",
    )


def nth(values: Any, number: int) -> Any:
    if isinstance(values, dict):
        return {key: nth(part, number) for key, part in values.items()}
    return tuple(nth(part, number) for part in values) if isinstance(values, tuple) else values[number]


@every_storage
def test_discrete_observations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str) -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    demos = load_demonstrations(record(tmp_path, monkeypatch, storage, observation=spaces.Discrete(4)))
    assert demos.obs_dim == 4
    assert (demos.trajectories[0].observations.sum(axis=1) == 1).all()
    assert demos.notes == ("observation columns are 'observation' 0:4",)


def test_spaces_that_would_take_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    dataset = record(tmp_path, monkeypatch, observation=spaces.Discrete(2**30))
    with pytest.raises(SpaceMismatchError, match="has more than 100000 columns"):
        load_demonstrations(dataset)
    monkeypatch.setattr("rexd.reading.containers.npz.FREE_BYTES", 2**10)
    edit(dataset, observation_space=json.dumps({"type": "Discrete", "n": 90000, "start": 0}))
    with pytest.raises(DemonstrationError, match="too large to be encoded with one column for each value"):
        load_demonstrations(dataset)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("{", "the observation space cannot be read"),
        ('{"type": "Box", "dtype": "float32", "shape": [-1]}', "cannot be read .ValueError: a size of -1"),
        ('{"type": "Discrete", "n": 1e99, "start": 0}', "cannot be read"),
        ('{"type": "Text"}', "the observation space is Text; expected a flat Box"),
        ('{"type": "Dict", "subspaces": {"a": {"type": "Text"}}}', r"made of several spaces \(a\)"),
        ('{"type": "Discrete", "n": 3, "start": 0}', "'observation' has shape .* expected one of 3 options from 0 on"),
    ],
)
def test_damaged_spaces_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: str, message: str) -> None:
    dataset = record(tmp_path, monkeypatch)
    edit(dataset, observation_space=space)
    with pytest.raises(RexdError, match=message):
        load_demonstrations(dataset)


def test_recorded_boundaries_are_not_overruled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = record(tmp_path, monkeypatch)
    with pytest.raises(DemonstrationError, match="records trajectories of 2, 3 steps, but episode_length asks for 5"):
        load_demonstrations(dataset, episode_length=5)


@pytest.mark.parametrize("streams", [False, True])
def test_several_choices_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: bool) -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    if streams:
        monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 0)
    pair = load_demonstrations(record(tmp_path / "pair", monkeypatch, action=spaces.MultiDiscrete([2, 3])))
    flags = load_demonstrations(record(tmp_path / "flags", monkeypatch, action=spaces.MultiBinary(2)))
    assert (pair.n_actions, flags.n_actions) == ((2, 3), (2, 2))
    assert (pair.streamed, pair.transitions().act.shape[1], flags.transitions().act.dtype) == (streams, 2, np.int64)


def test_other_spaces_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    later = spaces.MultiDiscrete([2, 3], start=[0, 1])
    with pytest.raises(SpaceMismatchError, match=rf"{DATASET}: the discrete actions of the space start at \(0, 1\)"):
        load_demonstrations(record(tmp_path / "later", monkeypatch, action=later))
    image = spaces.Box(0, 255, (8, 8, 3), np.uint8)
    with pytest.raises(SpaceMismatchError, match="Images are not supported"):
        load_demonstrations(record(tmp_path / "image", monkeypatch, observation=image))


def test_environment_of_the_file_is_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset without spaces is refused: Minari would make the environment and import what the file names."""
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
    with pytest.raises(DemonstrationError, match=r"main_data\.hdf5: the HDF5 file is cut short or damaged"):
        load_demonstrations(dataset)
    data.unlink()
    with pytest.raises(DemonstrationError, match=r"has no main_data\.hdf5"):
        load_demonstrations(dataset)
    edit(dataset, data_format="other")
    with pytest.raises(DemonstrationError, match="its data format is 'other'; expected hdf5, arrow or parquet"):
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


def test_the_claims_of_all_episodes_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = record(tmp_path, monkeypatch)
    h5py = pytest.importorskip("h5py")
    with h5py.File(dataset / "data" / "main_data.hdf5") as content:
        claims = [sum(item.nbytes for item in group.values() if hasattr(item, "nbytes")) for group in content.values()]
    monkeypatch.setattr("rexd.reading.containers.source.memory_limit", lambda size, expansion: sum(claims))
    assert len(load_demonstrations(dataset)) == len(claims) > 1
    monkeypatch.setattr("rexd.reading.containers.source.memory_limit", lambda size, expansion: sum(claims) - 1)
    with pytest.raises(DemonstrationError, match=f"its arrays claim {sum(claims)} bytes; expected at most"):
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


@pytest.mark.parametrize(("storage", "library", "extra"), [("hdf5", "h5py", "minari"), ("arrow", "pyarrow", "arrow")])
def test_without_the_library_the_install_line_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str, library: str, extra: str
) -> None:
    folder = tmp_path / "walk" / "data"
    for file in (folder / "main_data.hdf5", folder / "0" / "part-0.arrow"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"data")
    box = json.dumps({"type": "Box", "dtype": "float32", "shape": [1]})
    spaces = {"observation_space": box, "action_space": box}
    (folder / "metadata.json").write_text(json.dumps({"minari_version": "0.5", "data_format": storage, **spaces}))
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'rexd\[{extra}\]'"):
        load_demonstrations(folder.parent)


def made(dtype: str = "f4", *, known: bool = True, rewards: bool = True, discrete: bool = False) -> Demonstrations:
    rng, pieces = np.random.default_rng(0), []
    for number, steps in enumerate((3, 2)):
        actions = rng.integers(0, 3, steps) if discrete else rng.normal(size=(steps, 2)).astype("f4")
        states = rng.normal(size=(steps + known, 3)).astype(dtype)
        earned = rng.normal(size=steps).astype("f4") if rewards else None
        pieces.append(Trajectory.from_steps(states, actions, terminated=number == 0, rewards=earned))
    return Demonstrations(tuple(pieces), env_id="CartPole-v1", notes=("one", "two"))


@pytest.mark.parametrize("options", [{}, {"known": False}, {"rewards": False}, {"discrete": True}, {"dtype": "f8"}])
def test_nothing_is_lost(tmp_path: Path, options: Any) -> None:
    pytest.importorskip("h5py")
    demos = made(**options)
    read = load_demonstrations(save_minari(demos, tmp_path / "walk-v3"))
    assert (read.source, read.env_id, read.n_actions) == ("walk-v3", "CartPole-v1", demos.n_actions)
    for one, other in zip(read, demos, strict=True):
        for item in fields(one):
            left, right = getattr(one, item.name), getattr(other, item.name)
            assert (left is None) == (right is None)
            if right is not None:
                assert (left.dtype, left.tobytes()) == (right.dtype, right.tobytes())


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Nobody/Knows-v0", None])
def test_minari_reads_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env_id: str | None) -> None:
    library = pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    demos = replace(made(), env_id=env_id)
    save_minari(demos, tmp_path / DATASET)
    dataset = library.load_dataset(DATASET)
    assert (dataset.total_episodes, dataset.total_steps, dataset.id) == (2, 5, DATASET)
    for episode, trajectory in zip(dataset.iterate_episodes(), demos, strict=True):
        np.testing.assert_array_equal(episode.observations[:-1], trajectory.observations)
        np.testing.assert_array_equal(episode.rewards, trajectory.rewards)
        assert dataset.action_space.contains(episode.actions[0])
        assert dataset.observation_space.contains(episode.observations[0])
    assert (dataset.env_spec is None) == (env_id is None)
    if env_id == "CartPole-v1":
        assert dataset.recover_environment().spec.id == env_id


def test_bounds_are_written(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    path = save_minari(made().clip_actions(np.array([-1, -2]), np.array([1, 2])), tmp_path / "no version")
    metadata = json.loads((path / "data" / "metadata.json").read_text())
    space = json.loads(metadata["action_space"])
    assert (space["low"], space["high"]) == ([-1, -2], [1, 2])
    assert metadata["dataset_id"] == "no-version-v0"
    assert metadata["description"].startswith("one; two; clipped")


def test_what_the_layout_cannot_hold_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    demos = made()
    with pytest.raises(DemonstrationError, match="cannot hold the rows that a selection left out"):
        save_minari(demos.subsample(2), tmp_path / "file")
    gap = Demonstrations((demos.trajectories[0].rows(np.array([0, 2])),))
    with pytest.raises(DemonstrationError, match="cannot hold the next observations of trajectory 0, which differ"):
        save_minari(gap, tmp_path / "file")
    blind = replace(demos.trajectories[0], next_known=np.array([True, False, True]))
    with pytest.raises(DemonstrationError, match="cannot hold the next observations of trajectory 0, of which some"):
        save_minari(Demonstrations((blind,)), tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DemonstrationError, match="file: exists; expected a new folder"):
        save_minari(demos, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("storage", ["arrow", "parquet"])
def test_damaged_arrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str) -> None:
    dataset = record(tmp_path, monkeypatch, storage)
    (file,) = (dataset / "data" / "1").glob("part-0.*")
    for content in damaged(file.read_bytes(), 60):
        file.write_bytes(content)
        with suppress(RexdError):
            load_demonstrations(dataset)
    file.unlink()
    with pytest.raises(DemonstrationError, match=rf"1: has 0 \*\.{storage} files; expected one for the episode"):
        load_demonstrations(dataset)


def test_missing_episodes_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = record(tmp_path, monkeypatch)
    edit(dataset, total_episodes=3)
    with pytest.raises(DemonstrationError, match="has 2 episodes; expected 3 as its metadata says"):
        load_demonstrations(dataset)


def golden(folder: Path) -> list[Golden]:
    with pytest.MonkeyPatch.context() as patch:
        spaces = pytest.importorskip("gymnasium").spaces
        goal = spaces.Dict(goal=spaces.Box(-1, 1, (2,)), state=spaces.Box(-1, 1, (2,)))
        arrow = has("pyarrow")
        return [
            *(Golden(record(folder / name, patch, name), 2) for name in STORAGES if arrow or name == "hdf5"),
            Golden(record(folder / "parts", patch, observation=goal, action=spaces.Discrete(3)), 2),
        ]


def test_several_choices_are_written_as_they_are_read(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    actions = np.array([[1, 0], [0, 2], [1, 1]])
    demos = Demonstrations((Trajectory.from_steps(np.arange(8.0).reshape(4, 2), actions),), n_actions=(2, 4))
    again = load_demonstrations(save_minari(demos, tmp_path / "choices-v0"))
    assert again.n_actions == (2, 4)
    np.testing.assert_array_equal(again.trajectories[0].actions, actions)
