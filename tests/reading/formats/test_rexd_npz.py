"""rexd's own files: nothing is lost, and messages name the damage."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rexd.demos import Demonstrations, Trajectory
from rexd.errors import DemonstrationError, RexdError
from rexd.reading.containers import npz as arrays
from rexd.reading.containers.source import Source
from rexd.reading.formats import rexd_npz
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints

FIELDS = ("observations", "actions", "next_observations", "terminated", "truncated", "next_known", "rewards")
FLOATS = st.sampled_from(["<f2", "<f4", "<f8", ">f4", ">f8"])
REWARDS = st.sampled_from([None, "<f4", "<f8", "<i4"])


def assert_same(one: Demonstrations, other: Demonstrations) -> None:
    assert len(one) == len(other)
    assert len(one.unused) == len(other.unused)
    for a, b in zip((*one, *one.unused), (*other, *other.unused), strict=True):
        for name in FIELDS:
            left, right = getattr(a, name), getattr(b, name)
            assert (left is None) == (right is None), name
            if left is not None:
                assert left.dtype == right.dtype, name
                assert left.shape == right.shape, name
                assert left.tobytes() == right.tobytes(), name
    for name in ("offsets", "n_actions", "notes", "env_id", "sha256", "returns"):
        assert getattr(one, name) == getattr(other, name), name


ELEMENTS = st.floats(-(2.0**15), 2.0**15, width=16)


@st.composite
def demonstrations(draw: st.DrawFn) -> Demonstrations:
    columns, width = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    discrete = width == 0
    whole = draw(st.sampled_from(["<i8", "<i4", "<u1"]))

    def trajectory() -> Trajectory:
        steps = draw(st.integers(1, 4))

        def floats(*shape: int) -> Any:
            return draw(hnp.arrays(draw(FLOATS), shape, elements=ELEMENTS))

        def flags() -> Any:
            return draw(hnp.arrays(bool, steps))

        kind = draw(REWARDS)
        return Trajectory(
            observations=floats(steps, columns),
            actions=draw(hnp.arrays(whole, steps, elements=st.integers(0, 6))) if discrete else floats(steps, width),
            next_observations=floats(steps, columns),
            terminated=flags(),
            truncated=flags(),
            next_known=flags(),
            rewards=None if kind is None else draw(hnp.arrays(kind, steps, elements=st.integers(0, 1))),
        )

    return Demonstrations(
        tuple(trajectory() for _ in range(draw(st.integers(1, 3)))),
        unused=tuple(trajectory() for _ in range(draw(st.integers(0, 1)))),
        offsets=tuple(draw(st.lists(st.integers(0, 99), max_size=3))),
        n_actions=draw(st.none() | st.integers(7, 9)) if discrete else None,
        notes=tuple(draw(st.lists(st.text(), max_size=2))),
        env_id=draw(st.none() | st.text(max_size=5)),
    )


def some() -> Demonstrations:
    rng = np.random.default_rng(0)
    made = [
        Trajectory.from_steps(
            rng.normal(size=(steps + 1, 3)).astype(np.float32),
            rng.normal(size=(steps, 2)),
            terminated=steps == 4,
            rewards=rng.normal(size=steps),
        )
        for steps in (5, 4, 7)
    ]
    return Demonstrations(tuple(made), notes=("a note",), env_id="Hopper-v5").subsample(2, seed=0)


@settings(deadline=None, max_examples=60)
@given(demos=demonstrations())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, demos: Demonstrations) -> None:
    file = tmp_path_factory.getbasetemp() / "round.npz"
    assert save_demonstrations(demos, file) == file
    assert_same(load_demonstrations(file), demos)


def test_real_file_round_trips(shared_data: Path, tmp_path: Path) -> None:
    demos = load_demonstrations(shared_data / "red" / "Hopper-v2.pkl").subsample(20)
    file = save_demonstrations(demos, tmp_path / "hopper.npz")
    back = load_demonstrations(file)
    assert_same(back, demos)
    assert back.source == str(file)


def test_format_is_told_by_content_and_numpy_can_open_it(tmp_path: Path) -> None:
    file = save_demonstrations(some(), tmp_path / "new folder" / "no suffix")
    assert rexd_npz.sniff(Source(file))
    assert load_demonstrations(file).env_id == "Hopper-v5"
    with np.load(file, allow_pickle=False) as members:
        assert len(members["observations"]) == 16
        header = json.loads(members["rexd"].tobytes())
    assert (header["format"], header["version"], header["trajectories"]) == ("rexd.demonstrations", 1, 3)
    other = tmp_path / "other.npz"
    np.savez(other, obs=np.zeros(3))
    assert not rexd_npz.sniff(Source(other))
    with pytest.raises(
        DemonstrationError, match=r"other\.npz: is an npz of obs \(float64 of shape \(3,\)\); expected actions as"
    ):
        load_demonstrations(other)


def test_same_demonstrations_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = (save_demonstrations(some(), tmp_path / name) for name in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    file = save_demonstrations(some(), tmp_path / "demos.npz")
    before = file.read_bytes()
    signed, unsigned = (
        Trajectory.from_steps(np.zeros((2, 1)), np.array([0, 1], dtype)) for dtype in (np.int64, np.uint64)
    )
    with pytest.raises(DemonstrationError, match="which no common dtype holds exactly"):
        save_demonstrations(Demonstrations((signed, unsigned)), file)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["demos.npz"]


def content(tmp_path: Path) -> bytes:
    return save_demonstrations(some(), tmp_path / "honest.npz").read_bytes()


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    honest, file = content(tmp_path), tmp_path / "cut.npz"
    for length in range(0, len(honest), 37):
        file.write_bytes(honest[:length])
        with pytest.raises(DemonstrationError, match=r"cut\.npz: (is empty|the npz of .* is cut short or damaged)"):
            rexd_npz.load(Source(file), Hints())


def test_mutated_bytes_raise_rexd_errors_only(tmp_path: Path) -> None:
    honest, file = content(tmp_path), tmp_path / "mutated.npz"
    rng, refused = np.random.default_rng(0), 0
    for _ in range(300):
        changed = bytearray(honest)
        for position in rng.integers(0, len(honest), rng.integers(1, 4)):
            changed[position] = rng.integers(256)
        file.write_bytes(changed)
        try:
            rexd_npz.load(Source(file), Hints())
        except RexdError as error:
            refused += 1
            assert "mutated.npz" in str(error)  # noqa: PT017  (a mutation of a date is not an error)
    assert refused > 100


def rewrite(tmp_path: Path, header: dict[str, Any] | None = None, **members: np.ndarray[Any, Any] | bytes) -> Path:
    """Write an honest file with some members replaced and correct checksums."""
    file = tmp_path / "changed.npz"
    with zipfile.ZipFile(io.BytesIO(content(tmp_path))) as honest, zipfile.ZipFile(file, "w") as archive:
        for name in honest.namelist():
            replaced: Any = members.get(name.removesuffix(".npy"))
            if name == "rexd.npy" and header is not None:
                old = json.loads(np.load(honest.open(name)).tobytes())
                replaced = np.frombuffer(json.dumps(old | header).encode(), np.uint8)
            if replaced is None:
                replaced = honest.read(name)
            if isinstance(replaced, np.ndarray):
                stream = io.BytesIO()
                np.save(stream, replaced)
                replaced = stream.getvalue()
            archive.writestr(name, replaced)
    return file


def claiming(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + b"\x00" * 16


@pytest.mark.parametrize(
    ("header", "members", "message"),
    [
        ({"version": 2}, {}, "version 2; expected 'rexd.demonstrations' version 1. A later version needs a later rexd"),
        ({"format": "other"}, {}, "is 'other' version 1"),
        ({"lengths": [1, 1, 1, 1, 1, 1]}, {}, "has 16 rows; expected 6"),
        ({"lengths": [10**15, 1, 1, 1, 1, 1]}, {}, "has 16 rows; expected 1000000000000005"),
        ({"lengths": [0, 1]}, {}, "lengths of trajectories are impossible"),
        ({"lengths": "many"}, {}, "damaged"),
        ({"trajectories": 99}, {}, "impossible"),
        ({"dtypes": {}}, {}, "damaged"),
        ({"n_actions": 3}, {}, "actions are continuous"),
        (None, {"observations": np.full((16, 3), np.nan, np.float32)}, "trajectory 0: observations: .* at step 0"),
        (None, {"observations": claiming("(1000000000000000,)")}, "claims shape .* but holds 16 bytes"),
        (None, {"observations": claiming("(-1, -2)")}, "damaged"),
        (None, {"observations": b"no array"}, "damaged"),
        (None, {"observations": np.zeros((16, 3), "<c16")}, "has dtype complex128; expected numbers"),
        (None, {"observations": np.zeros((16, 3), "<f2")}, "stored as float16, which cannot hold float32"),
        (None, {"rexd": np.frombuffer(b"[" * 100_000, np.uint8)}, "damaged"),
    ],
)
def test_wrong_content_is_named(
    tmp_path: Path, header: dict[str, Any] | None, members: dict[str, Any], message: str
) -> None:
    file = rewrite(tmp_path, header, **members)
    with pytest.raises(DemonstrationError, match=rf"changed\.npz: .*{message}"):
        load_demonstrations(file)


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    file = tmp_path / "less.npz"
    with zipfile.ZipFile(io.BytesIO(content(tmp_path))) as honest, zipfile.ZipFile(file, "w") as archive:
        for name in honest.namelist():
            if name != "actions.npy":
                archive.writestr(name, honest.read(name))
    with pytest.raises(DemonstrationError, match=r"less\.npz: actions has 0 rows; expected 16"):
        load_demonstrations(file)


def test_pickled_members_are_never_unpickled(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DemonstrationError, match="has dtype object; expected numbers, nothing was unpickled"):
        load_demonstrations(rewrite(tmp_path, rewards=stream.getvalue()))


def test_zip_bombs_are_refused_by_their_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "FREE_BYTES", 2**16)
    file = tmp_path / "bomb.npz"
    header = {"rexd": np.frombuffer(b"{}", np.uint8)}
    np.savez_compressed(file, **header, observations=np.zeros(10**6))  # type: ignore[arg-type]
    with pytest.raises(
        DemonstrationError, match=r"bomb\.npz: its members claim 800\d{4} bytes; expected at most 65536"
    ):
        load_demonstrations(file)


def golden(folder: Path) -> list[Golden]:
    return [Golden(save_demonstrations(some(), folder / "demos.npz"), trajectories=3)]


def test_several_choices_round_trip(tmp_path: Path) -> None:
    actions = np.array([[1, 0], [0, 2], [1, 1]], np.int32)
    demos = Demonstrations((Trajectory.from_steps(np.arange(8.0).reshape(4, 2), actions),), n_actions=(2, 4))
    again = load_demonstrations(save_demonstrations(demos, tmp_path / "choices.npz"))
    assert again.n_actions == (2, 4)
    assert_same(again, demos)
