"""Files larger than memory give what they would in memory, and are never held."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rexd.demos import Demonstrations, Trajectory
from rexd.demos.streamed import Streamed, joined
from rexd.errors import DemonstrationError
from rexd.inspection.data import find
from rexd.inspection.mends.order import recut, shift_actions
from rexd.inspection.mends.target_format import fit_to_format
from rexd.inspection.mends.values import drop_columns, drop_first_rows, leave_out, scale_actions
from rexd.reading.formats.d4rl import save_d4rl
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations
from rexd.reading.minari.writing import save_minari

h5py = pytest.importorskip("h5py")

LENGTHS = (7, 3, 12, 3, 9)


def made(lengths: tuple[int, ...] = LENGTHS, *, final: bool = True, discrete: bool = False) -> Demonstrations:
    rng = np.random.default_rng(0)
    return Demonstrations(
        tuple(
            Trajectory.from_steps(
                rng.normal(size=(n + final, 3)).astype(np.float32),
                np.arange(n) % 3 if discrete else rng.uniform(-2, 2, (n, 2)).astype(np.float32),
                terminated=number % 2 == 0,
                rewards=rng.normal(size=n),
            )
            for number, n in enumerate(lengths)
        )
    )


def write(folder: Path, layout: str, demos: Demonstrations) -> Path:
    return save_d4rl(demos, folder / "demos.hdf5") if layout == "d4rl" else save_minari(demos, folder / "demos-v0")


@pytest.fixture
def streaming(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Demonstrations]:
    """Loads any file as if it were larger than memory, a few rows at a time."""

    def load(path: Path) -> Demonstrations:
        monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 0)
        monkeypatch.setattr("rexd.reading.rows.from_blocks.BLOCK_ROWS", 8)
        demos = load_demonstrations(path)
        monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 2**28)
        assert demos.streamed
        return demos

    return load


def assert_same(one: Demonstrations, other: Demonstrations) -> None:
    assert len(one) == len(other)
    assert one.lengths.tolist() == other.lengths.tolist() == [len(t) for t in one]
    for part in ("trajectories", "unused"):
        for a, b in zip(getattr(one, part), getattr(other, part), strict=True):
            for name in ("observations", "actions", "next_observations", "next_known", "rewards", "steps"):
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)
            assert (a.terminated.tolist(), a.truncated.tolist()) == (b.terminated.tolist(), b.truncated.tolist())
    assert (one.n_actions, one.notes, one.offsets) == (other.n_actions, other.notes, other.offsets)


@pytest.mark.parametrize("layout", ["d4rl", "minari"])
@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("discrete", [True, False])
def test_the_same_as_in_memory(
    tmp_path: Path, streaming: Callable[[Path], Demonstrations], layout: str, final: bool, discrete: bool
) -> None:
    path = write(tmp_path, layout, made(final=final, discrete=discrete))
    held, streamed = load_demonstrations(path), streaming(path)
    assert not held.streamed
    assert_same(streamed, held)
    assert_same(streamed.first(2), held.first(2))
    assert_same(streamed.select([1, 4]), held.select([1, 4]))
    assert_same(streamed.subsample(3, seed=1), held.subsample(3, seed=1))
    assert_same(streamed.first(3).subsample(2, seed=1), held.first(3).subsample(2, seed=1))
    assert streamed.sha256 == held.sha256
    np.testing.assert_array_equal(streamed.transitions().obs, held.transitions().obs)
    np.testing.assert_array_equal(streamed.trajectories[-1].actions, held.trajectories[-1].actions)
    assert [len(t) for t in streamed.trajectories[1:3]] == [3, 12]


def test_a_small_file_of_much_data_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    still = Demonstrations((Trajectory.from_steps(np.ones((5001, 3)), np.ones((5000, 2))),) * 3)
    dataset = save_minari(still, tmp_path / "demos-v0")
    data = dataset / "data" / "main_data.hdf5"
    with h5py.File(data, "a") as file:
        for number in range(3):
            whole = file[f"episode_{number}/observations"][:]
            del file[f"episode_{number}/observations"], file[f"episode_{number}/actions"]
            file.create_dataset(f"episode_{number}/observations", data=whole, compression="gzip")
            file.create_dataset(f"episode_{number}/actions", data=np.ones((5000, 2)), compression="gzip")
    monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 3 * 5000 * 5 * 8 - 1)
    with h5py.File(data) as file, h5py.File(tmp_path / "packed.hdf5", "w") as packed:
        for name in file:
            file.copy(name, packed)
    (tmp_path / "packed.hdf5").replace(data)  # HDF5 keeps the room of what was deleted
    assert data.stat().st_size < 3 * 5000 * 5 * 8 / 2
    assert load_demonstrations(dataset).streamed
    monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 3 * 5000 * 5 * 8)
    assert not load_demonstrations(dataset).streamed


MENDS: dict[str, Callable[[Demonstrations], Demonstrations]] = {
    "columns": lambda demos: demos.select_columns([2, 0]),
    "dropped columns": lambda demos: drop_columns(demos, [1]),
    "clipped": lambda demos: demos.clip_actions(np.array(-1.0), np.array(1.0)),
    "scaled": lambda demos: scale_actions(demos, 0.5),
    "shifted": lambda demos: shift_actions(demos, 1),
    "left out": lambda demos: leave_out(demos, [0, 3]),
    "first rows": lambda demos: drop_first_rows(demos, 2),
    "all": lambda demos: drop_first_rows(shift_actions(leave_out(demos.select_columns([0]), slice(1, 2)), -1), 1),
}


@pytest.mark.parametrize("mend", MENDS.values(), ids=MENDS.keys())
def test_mends_are_done_as_they_are_read(
    tmp_path: Path, streaming: Callable[[Path], Demonstrations], mend: Callable[[Demonstrations], Demonstrations]
) -> None:
    path = write(tmp_path, "minari", made())
    streamed = mend(streaming(path))
    assert streamed.streamed
    assert_same(streamed, mend(load_demonstrations(path)))


@pytest.mark.parametrize("layout", ["d4rl", "minari"])
@pytest.mark.parametrize("target", ["d4rl", "minari", "npz"])
def test_converting_gives_the_same_file(
    tmp_path: Path, streaming: Callable[[Path], Demonstrations], layout: str, target: Any
) -> None:
    path = write(tmp_path, layout, made(final=False))
    save = {"d4rl": save_d4rl, "minari": save_minari, "npz": save_demonstrations}[target]
    found = [
        save(fit_to_format(demos, target), tmp_path / f"out-v{n}")
        for n, demos in enumerate((load_demonstrations(path), streaming(path)))
    ]
    one, other = (load_demonstrations(item) for item in found)
    assert_same(one, other)
    if target == "npz":
        one_bytes, other_bytes = (item.read_bytes() for item in found)
        assert one_bytes == other_bytes


def test_findings_are_the_same(tmp_path: Path, streaming: Callable[[Path], Demonstrations]) -> None:
    demos = made((30, 30, 30, 30, 2))
    path = write(tmp_path, "d4rl", Demonstrations((*demos.trajectories, demos.trajectories[1])))
    found = find(streaming(path))
    assert found == find(load_demonstrations(path))
    assert {item.code for item in found} >= {"duplicate-trajectories", "short-trajectories"}


def test_a_sample_of_rows_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rexd.inspection.data.looks.rows._COMPARED", 300)
    monkeypatch.setattr("rexd.inspection.data.looks.actions._SAMPLED", 100)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 500, 1000)  # about 57% of the draws repeat an earlier one
    states = rng.normal(size=(500, 3))[rows]
    demos = Demonstrations((Trajectory.from_steps(states, states[:, :1]),))
    found = {item.code: item.message for item in find(demos)}
    repeated = float(found["duplicate-rows"].split("(")[1].split("%")[0])
    assert 47 < repeated < 67
    assert "that were compared, one in 4)" in found["duplicate-rows"]


def test_draw_is_uniform_without_replacement_and_says_so(
    tmp_path: Path, streaming: Callable[[Path], Demonstrations]
) -> None:
    streamed = streaming(write(tmp_path, "d4rl", made((400, 100, 500))))
    drawn = streamed.draw(200, seed=1)
    assert not drawn.streamed
    assert drawn.n_transitions == 200
    assert "used 200 of 1,000 transitions, drawn uniformly (seed 1)" in drawn.notes
    assert abs(len(drawn.trajectories[0]) - 80) < 30
    for t, whole in zip(drawn, streamed, strict=True):
        assert (np.diff(t.steps) > 0).all()
        np.testing.assert_array_equal(t.observations, whole.observations[t.steps])
        np.testing.assert_array_equal(t.next_observations, whole.next_observations[t.steps])
    assert streamed.draw(200, seed=1).sha256 == drawn.sha256 != streamed.draw(200, seed=2).sha256
    assert streamed.draw(1000).sha256 == streamed.sha256
    chosen = streamed.first(1).draw(100)
    assert (chosen.n_transitions, sum(map(len, chosen.unused))) == (100, 100)


def test_what_cannot_be_told_without_memory_is_asked_for(
    tmp_path: Path, streaming: Callable[[Path], Demonstrations], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "demos.hdf5"
    with h5py.File(path, "w") as file:
        file["observations"], file["actions"] = np.random.default_rng(0).normal(size=(12, 2)), np.zeros((12, 1))
        file["terminals"] = np.zeros(12, bool)
    with pytest.raises(DemonstrationError, match="too large for that to be inferred; give episode_length"):
        streaming(path)
    demos = load_demonstrations(path, episode_length=4)
    assert demos.streamed
    assert demos.lengths.tolist() == [4, 4, 4]
    with pytest.raises(DemonstrationError, match="larger than memory, so that its rows cannot be cut anew"):
        recut(demos, 6)
    with h5py.File(path, "a") as file:
        del file["actions"]
        file["actions"] = np.zeros((11, 1))
    with pytest.raises(DemonstrationError, match=r"has rows of observations 12, actions 11, .*; expected the same"):
        load_demonstrations(path)


def test_faults_are_named_when_they_are_read(tmp_path: Path, streaming: Callable[[Path], Demonstrations]) -> None:
    path = write(tmp_path, "d4rl", made((7, 7, 20)))
    with h5py.File(path, "a") as file:
        file["actions"][15] = np.nan
    streamed = streaming(path)
    assert len(streamed.trajectories[1]) == 7
    with pytest.raises(DemonstrationError, match=r"demos\.hdf5: trajectory 2: actions: 2 values are NaN"):
        find(streamed)


def test_other_formats_are_refused_beyond_their_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rexd.reading.load.MAX_FILE_BYTES", 2000)
    path = write(tmp_path, "d4rl", made())
    assert len(load_demonstrations(path)) == len(LENGTHS)
    with h5py.File(tmp_path / "dones.hdf5", "w") as file:
        file["obs"], file["action"], file["done"] = np.ones((99, 3)), np.ones((99, 1)), np.arange(99) == 98
    with pytest.raises(DemonstrationError, match=r"has \d+ bytes; expected at most 2000. Store fewer trajectories, or"):
        load_demonstrations(tmp_path / "dones.hdf5")


@pytest.mark.parametrize("layout", ["d4rl", "minari"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 0)
    monkeypatch.setattr("rexd.reading.rows.from_blocks.BLOCK_ROWS", 2000)
    monkeypatch.setattr("rexd.inspection.data.looks.rows._COMPARED", 2**12)
    rng, size = np.random.default_rng(0), 20
    peaks = []
    for count in (10, 40):  # trajectories of 2000 rows, 168 bytes each; some looks keep the first 8
        states = rng.normal(size=(count, 2001, size))
        demos = Demonstrations(tuple(Trajectory.from_steps(s, s[:-1, :1]) for s in states))
        (tmp_path / str(count)).mkdir()
        path = write(tmp_path / str(count), layout, demos)
        del demos, states
        tracemalloc.start()
        loaded = load_demonstrations(path)
        find(loaded)
        save_minari(fit_to_format(loaded, "minari"), tmp_path / str(count) / "out-v0")
        loaded.draw(1000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    held = 30 * 2000 * 168
    assert peaks[1] - peaks[0] < held / 4, [peak / 2**20 for peak in peaks]


def test_single_trajectories_of_two_joined_sequences():
    """As ``unused`` is after two selections of a streamed file."""
    made = [Trajectory.from_steps(np.full((3, 1), float(k)), np.zeros((2, 1))) for k in range(4)]
    held = Streamed(np.full(2, 2), lambda numbers: (made[k] for k in numbers))
    rest = Streamed(np.full(2, 2), lambda numbers: (made[2 + k] for k in numbers))
    for both in (joined(held, tuple(made[2:])), joined(tuple(made[:2]), rest), joined(held, rest)):
        assert [float(t.observations[0, 0]) for t in both] == [0.0, 1.0, 2.0, 3.0]
        assert [float(both[k].observations[0, 0]) for k in (0, 3, -2)] == [0.0, 3.0, 2.0]
