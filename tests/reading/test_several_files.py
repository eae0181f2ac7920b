"""Several files, patterns and folders, read as one set of demonstrations."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rexd import load_demonstrations, save_demonstrations
from rexd.demos import Demonstrations, Trajectory
from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading import file_lists, joined_files, load
from rexd.reading.anything import demonstrations_of
from rexd.reading.file_lists import files_in, locations_of, natural_order
from rexd.reading.rows.ends import episode_ends

RANDOM = np.random.default_rng(0)


def episode(number: int, steps: int = 0, columns: int = 3) -> dict[str, NDArray[Any]]:
    """Return an episode whose first column is its number; nothing in it tells where trajectories begin."""
    rng = np.random.default_rng(number)
    steps = steps or 5 + number
    observations = rng.normal(size=(steps, columns))
    observations[:, 0] = number
    return {"observations": observations, "actions": rng.normal(size=(steps, 2))}


def write(folder: Path, count: int = 12) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        np.savez(folder / f"ep_{number}.npz", **episode(number))
    return [folder / f"ep_{number}.npz" for number in range(count)]


def numbers(demos: Demonstrations) -> list[int]:
    """Return the numbers of the episodes, in the order in which they were read."""
    return [int(t.observations[0, 0]) for t in demos]


def test_a_folder_a_pattern_and_a_list_are_the_same(tmp_path: Path) -> None:
    files = write(tmp_path / "episodes")
    whole = load_demonstrations(tmp_path / "episodes")
    assert numbers(whole) == list(range(12))  # ep_2 before ep_10
    assert whole.lengths.tolist() == [5 + number for number in range(12)]
    for place in (
        str(tmp_path / "episodes"),
        str(tmp_path / "*" / "ep_*.npz"),
        tmp_path / "**" / "*.npz",
        files[::-1],
        tuple(map(str, files)),
        [tmp_path / "episodes" / "ep_?.npz", *files[10:]],
    ):
        assert load_demonstrations(place).sha256 == whole.sha256
        assert demonstrations_of(place).sha256 == whole.sha256


def test_a_file_without_boundaries_is_one_episode_and_a_note_says_so(tmp_path: Path) -> None:
    files = write(tmp_path)
    demos = load_demonstrations(tmp_path)
    (note,) = [note for note in demos.notes if "trajectory" in note]
    assert note.startswith("in each of 12 files: taken as one trajectory, since the file is one of several")
    assert not any(t.terminated.any() for t in demos)
    with pytest.raises(DemonstrationError, match="nothing says where trajectories begin"):
        load_demonstrations(files[7])  # alone it may hold more
    only = tmp_path / "only"
    only.mkdir()
    files[7].rename(only / "ep.npz")
    for one in (only, only / "*.npz"):
        with pytest.raises(DemonstrationError, match="nothing says where trajectories begin"):
            load_demonstrations(one)


def test_recorded_and_given_boundaries_come_first(tmp_path: Path) -> None:
    for number in range(3):
        rows = episode(number, steps=10)
        np.savez(tmp_path / f"{number}.npz", **rows, dones=np.arange(10) % 5 == 4)
    demos = load_demonstrations(tmp_path)
    assert demos.lengths.tolist() == [5] * 6
    assert all(t.terminated[-1] for t in demos)
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", **episode(number, steps=10))
    assert load_demonstrations(tmp_path).lengths.tolist() == [10] * 3
    assert load_demonstrations(tmp_path, episode_length=5).lengths.tolist() == [5] * 6


def test_lengths_of_several_files_are_those_of_a_key(tmp_path: Path) -> None:
    for number, lengths in enumerate(([3, 5], [4, 6])):
        rows = np.random.default_rng(number).normal(size=(sum(lengths), 2))
        np.savez(tmp_path / f"part_{number}.npz", obs=rows, acts=rows, parts=lengths)
    assert load_demonstrations(tmp_path, lengths="parts").lengths.tolist() == [3, 5, 4, 6]
    with pytest.raises(DemonstrationError, match="several files are read; give the key that holds the lengths"):
        load_demonstrations(tmp_path, lengths=[3, 5, 4, 6])


def test_boundaries_that_the_rows_show_are_not_lost(tmp_path: Path) -> None:
    def pole(seed: int) -> NDArray[np.float64]:  # a position that follows from its speed, and resets
        rng = np.random.default_rng(seed)
        parts = []
        for steps in (40, 55):
            speed = np.cumsum(rng.normal(size=steps))
            parts.append(np.stack([0.02 * np.concatenate([[0], np.cumsum(speed[:-1])]), speed], axis=1))
        return np.concatenate(parts)

    for number in range(2):
        np.savez(tmp_path / f"{number}.npz", obs=pole(number), acts=np.zeros((95, 1)))
    alone = [load_demonstrations(tmp_path / f"{number}.npz").lengths.tolist() for number in range(2)]
    assert alone == [[40, 55], [40, 55]]
    assert load_demonstrations(tmp_path).lengths.tolist() == [40, 55, 40, 55]


def test_a_file_longer_than_the_time_limit_is_no_single_episode(tmp_path: Path) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    env = gymnasium.make("Pendulum-v1")  # 200 steps
    for number in range(2):
        rows = episode(number, steps=200)
        np.savez(tmp_path / f"{number}.npz", obs=rows["observations"], acts=rows["actions"][:, :1])
    assert load_demonstrations(tmp_path, env=env).lengths.tolist() == [200, 200]
    rows = episode(3, steps=250)
    np.savez(tmp_path / "3.npz", obs=rows["observations"], acts=rows["actions"][:, :1])
    with pytest.raises(DemonstrationError, match=r"3\.npz: 250 steps are stored end to end"):
        load_demonstrations(tmp_path, env=env)


def test_formats_may_be_mixed(tmp_path: Path) -> None:
    pieces = [Trajectory.from_steps(**episode(number)) for number in range(4)]
    save_demonstrations(Demonstrations(tuple(pieces[:2])), tmp_path / "a.npz")
    (tmp_path / "b.pkl").write_bytes(pickle.dumps([episode(2)]))
    np.savez(tmp_path / "c.npz", **episode(3))
    demos = load_demonstrations(tmp_path)
    assert demos.sha256 == Demonstrations(tuple(pieces)).sha256
    demos, name = load.read_given(tmp_path, load.make_hints(None))
    assert name.startswith("3 files, each rexd npz and ")


def test_what_is_no_data_is_named(tmp_path: Path) -> None:
    write(tmp_path, 2)
    (tmp_path / "README.md").write_text("# Episodes of a robot\n")
    (tmp_path / ".hidden.npz").write_bytes(b"no npz")
    (tmp_path / "videos").mkdir()
    (tmp_path / "plot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (tmp_path / "empty.txt").touch()
    demos = load_demonstrations(tmp_path)
    assert len(demos) == 2
    (note,) = [note for note in demos.notes if note.startswith("left out")]
    for name in ("README.md", ".hidden.npz", "videos/", "plot.png", "empty.txt"):
        assert f"'{name}'" in note


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x1f\x8b", b"neither", b"\x80\x04N."])
def test_one_damaged_file_of_many_is_named(tmp_path: Path, content: bytes) -> None:
    files = write(tmp_path)
    files[3].write_bytes(content)
    for place in (tmp_path, files, tmp_path / "*.npz"):
        with pytest.raises(DemonstrationError, match=r"ep_3\.npz"):
            load_demonstrations(place)


def test_a_file_of_the_same_suffix_is_not_left_out(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.log").write_bytes(pickle.dumps(episode(number)))
    (tmp_path / "notes.txt").write_text("nothing\n")
    assert len(load_demonstrations(tmp_path)) == 2
    (tmp_path / "2.log").write_text("cut short\n")
    with pytest.raises(
        DemonstrationError, match=r"2\.log: is text without a row of numbers.*move it out of the folder"
    ):
        load_demonstrations(tmp_path)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (episode(2, columns=4), r"2\.npz: has 4 observation columns; expected 3 as in .*0\.npz"),
        (
            {**episode(2), "actions": np.zeros((7, 5))},
            r"2\.npz: has 5 action columns; expected 2 as in .*0\.npz",
        ),
        (
            {**episode(2), "actions": np.arange(7) % 3},
            r"2\.npz: has discrete actions; expected continuous actions as in .*0\.npz",
        ),
    ],
)
def test_files_of_different_widths_are_named(tmp_path: Path, last: dict[str, Any], message: str) -> None:
    for number, rows in enumerate((episode(0), episode(1), last)):
        np.savez(tmp_path / f"{number}.npz", **rows)
    with pytest.raises(DemonstrationError, match=message):
        load_demonstrations(tmp_path)


def test_discrete_actions_are_counted_over_all_files(tmp_path: Path) -> None:
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", obs=np.ones((4, 2)) * number, acts=np.full(4, number))
    assert load_demonstrations(tmp_path).n_actions == 3


def test_environments_that_differ_are_noted(tmp_path: Path) -> None:
    for number, name in enumerate(("Hopper-v4", "Hopper-v5")):
        t = Trajectory.from_steps(**episode(number))
        save_demonstrations(Demonstrations((t,), env_id=name), tmp_path / f"{number}.npz")
    demos = load_demonstrations(tmp_path)
    assert demos.env_id is None
    assert any("found Hopper-v4, Hopper-v5" in note for note in demos.notes)
    assert load_demonstrations([tmp_path / "1.npz"]).env_id == "Hopper-v5"


def test_columns_are_selected_in_each_file(tmp_path: Path) -> None:
    write(tmp_path)
    assert numbers(load_demonstrations(tmp_path, columns=[0])) == list(range(12))
    rows = [np.concatenate([*episode(n).values()], axis=1) for n in range(2)]
    plain = tmp_path / "plain"
    plain.mkdir()
    for number, row in enumerate(rows):
        np.save(plain / f"{number}.npy", row)
    demos = load_demonstrations(plain, columns=slice(0, 3))
    np.testing.assert_array_equal(demos.trajectories[1].actions, rows[1][:, 3:])


def test_datasets_stay_what_they_are_also_among_others(tmp_path: Path) -> None:
    minari = pytest.importorskip("rexd.reading.formats.minari")
    pytest.importorskip("h5py")
    pieces = tuple(Trajectory.from_steps(**episode(n)) for n in range(2))
    for name in ("one", "two"):
        minari.FORMAT.save(Demonstrations(pieces), tmp_path / name)
    assert load_demonstrations(tmp_path / "one").lengths.tolist() == [5, 6]
    assert load_demonstrations([tmp_path / "one", tmp_path / "two"]).lengths.tolist() == [5, 6, 5, 6]
    assert load_demonstrations(tmp_path / "*").lengths.tolist() == [5, 6, 5, 6]
    with pytest.raises(DemonstrationError, match=r"is a folder of one, two; .* or a pattern such as '.*/\*'"):
        load_demonstrations(tmp_path)


def test_streamed_files_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    for number in range(3):
        rows = episode(number, steps=8)
        with h5py.File(tmp_path / f"{number}.hdf5", "w") as file:
            for name, values in {**rows, "terminals": np.arange(8) % 4 == 3, "timeouts": np.zeros(8, bool)}.items():
                file[name] = values
            file["rewards"] = np.zeros(8)
    held = load_demonstrations(tmp_path)
    monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 0)
    streamed = load_demonstrations(tmp_path)
    assert streamed.streamed
    assert not held.streamed
    assert streamed.sha256 == held.sha256
    assert numbers(streamed) == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(streamed.trajectories[3].actions, held.trajectories[3].actions)
    assert streamed.select([1, 4]).sha256 == held.select([1, 4]).sha256


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere/*.npz", r"nowhere/\*\.npz: no file matches this pattern"),
        ([], "no demonstrations are named"),
        (["a.npz", "./a.npz"], r"\./a\.npz: is named twice"),
        (["a.npz", "*.npz"], r"a\.npz: is named twice"),
        (["a.npz", "b.npz"], r"b\.npz: does not exist|b\.npz'? is neither"),
        ("empty", "empty: is an empty folder"),
        ("folders", "folders: is a folder of inside"),
        ("stray", r"stray: is a folder of \.npz, README"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Any, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", **episode(0))
    for folder in ("empty", "folders/inside", "stray"):
        Path(folder).mkdir(parents=True)
    np.savez("folders/inside/a.npz", **episode(0))
    Path("stray/README").write_text("nothing here\n")
    Path("stray/.npz").write_bytes(b"hidden")
    with pytest.raises(DemonstrationError, match=message):
        load_demonstrations(place)


def test_a_name_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    for number in range(2):
        np.savez(tmp_path / f"run[{number}].npz", **episode(number), dones=[*[0] * (4 + number), 1])
    assert numbers(load_demonstrations(tmp_path / "run[1].npz")) == [1]


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "here", 2)
    np.savez(tmp_path / "elsewhere.npz", **episode(3))
    os.symlink(tmp_path / "elsewhere.npz", tmp_path / "here" / "ep_9.npz")
    with pytest.raises(UnsafeFileError, match=r"ep_9\.npz: is a link"):
        load_demonstrations(tmp_path / "here")


def test_pipes_and_broken_links_are_never_opened(tmp_path: Path) -> None:
    write(tmp_path, 2)
    os.mkfifo(tmp_path / "pipe.npz")
    os.symlink(tmp_path / "gone", tmp_path / "link.npz")
    demos = load_demonstrations(tmp_path)
    (note,) = [note for note in demos.notes if note.startswith("left out")]
    assert "'pipe.npz'" in note
    assert "'link.npz'" in note


def test_a_pickle_in_a_folder_executes_nothing_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path, 2)
    (tmp_path / "README").write_bytes(b"cposix\nsystem\n(S'touch executed'\ntR.")
    with pytest.raises(UnsafeFileError, match="README"):
        load_demonstrations(tmp_path)


def test_limits_hold_for_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write(tmp_path)
    size = sum(file.stat().st_size for file in files)
    monkeypatch.setattr(load, "MAX_FILE_BYTES", size)
    assert len(load_demonstrations(tmp_path)) == 12
    monkeypatch.setattr(load, "MAX_FILE_BYTES", size - 1)
    with pytest.raises(DemonstrationError, match=f"more than {size - 1} bytes together"):
        load_demonstrations(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(joined_files, "memory_limit", lambda size, expansion: 1000)
    with pytest.raises(DemonstrationError, match=r"take \d+ bytes in memory; expected at most 1000"):
        load_demonstrations(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(joined_files, "MAX_FILE_BYTES", 1000)
    with pytest.raises(DemonstrationError, match=r"bytes in memory; expected at most 2000\. Read fewer files"):
        load_demonstrations(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(file_lists, "MOST_FILES", 11)
    for place in (tmp_path, tmp_path / "*.npz"):
        with pytest.raises(DemonstrationError, match="more than 11 files"):
            load_demonstrations(place)


def test_many_different_notes_are_cut_short(tmp_path: Path) -> None:
    for number in range(12):
        np.savez(tmp_path / f"{number}.npz", **episode(number), **{f"extra_{number}": np.zeros(3)})
    notes = load_demonstrations(tmp_path).notes
    assert len(notes) == 9
    assert notes[1] == f"in {tmp_path}/0.npz: ignored 'extra_0' of the file"
    assert notes[-1].startswith("5 more notes on single files")


words = st.text("ab019_.", min_size=1, max_size=8)


@given(st.lists(words, unique=True), st.randoms())
def test_the_order_of_names_depends_on_the_names_alone(found: list[str], random: Any) -> None:
    shuffled = random.sample(found, len(found))
    assert natural_order(shuffled) == natural_order(found)
    assert sorted(shuffled) == sorted(natural_order(shuffled))


@given(st.sets(st.integers(0, 10**30), min_size=1))
def test_numbers_in_names_count_as_numbers(found: set[int]) -> None:
    assert natural_order([f"ep_{n}.npz" for n in found]) == [f"ep_{n}.npz" for n in sorted(found)]
    assert natural_order([f"{n:040d}" for n in found]) == [f"{n:040d}" for n in sorted(found)]


SPELLINGS = {
    "observations": ("observations", "obs", "states"),
    "actions": ("actions", "acts", "action"),
    "rewards": ("rewards", "rew"),
    "dones": ("dones", "terminals"),
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_shuffled_files_any_key_order_and_extra_keys(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    folder = tmp_path_factory.mktemp("episodes")
    count = data.draw(st.integers(2, 12))
    pieces = []
    for number in data.draw(st.permutations(range(count))):  # the file system may list them in this order
        rows = {**episode(number), "rewards": np.arange(5.0 + number), "dones": np.arange(5 + number) == 4 + number}
        pieces.append((number, rows))
        named = {data.draw(st.sampled_from(SPELLINGS[role])): values for role, values in rows.items()}
        for extra in data.draw(st.sets(st.sampled_from(["infos", "images", "meta", "zz"]))):
            named[extra] = np.zeros(data.draw(st.integers(0, 4)))
        keys = data.draw(st.permutations(sorted(named)))
        np.savez(folder / f"ep_{number}.npz", **{key: named[key] for key in keys})
    demos = load_demonstrations(folder)
    for t, (number, rows) in zip(demos, sorted(pieces, key=lambda piece: piece[0]), strict=True):
        np.testing.assert_array_equal(t.observations, rows["observations"])
        np.testing.assert_array_equal(t.actions, rows["actions"])
        np.testing.assert_array_equal(t.rewards, rows["rewards"])
        assert t.terminated.tolist() == rows["dones"].tolist(), number


def test_places_are_returned_as_they_were_named(tmp_path: Path) -> None:
    assert locations_of("mujoco/hopper/expert-v0") == ["mujoco/hopper/expert-v0"]
    files = write(tmp_path, 3)
    assert files_in(tmp_path) == (files, [])


def test_rows_of_the_first_files_alone_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    real = episode_ends.find_breaks
    monkeypatch.setattr(episode_ends, "find_breaks", lambda rows: looked.append(len(rows)) or real(rows))
    write(tmp_path, 25)
    assert numbers(load_demonstrations(tmp_path)) == list(range(25))
    assert looked == [5 + number for number in range(20)]
    np.savez(tmp_path / "ep_0.npz", **episode(0), dones=[0, 0, 1, 0, 1])  # not all are alike: each is looked at
    looked.clear()
    assert numbers(load_demonstrations(tmp_path)) == [0, *range(25)]
    assert looked == [5 + number for number in range(1, 25)]
