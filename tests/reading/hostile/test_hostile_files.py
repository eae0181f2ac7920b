"""No file makes rexd execute, import, open or allocate what it should not, and every refusal says what was wrong."""

from __future__ import annotations

import re
import shutil
from importlib import import_module
from pathlib import Path

import bad_archives
import bad_folders
import bad_hdf5
import bad_json
import bad_pickles
import pytest
from corpus import CORPUS, Hostile
from memory import forget_peak, peak_memory
from watching import install, opened_by_anything, watching

from rexd.errors import DemonstrationError, RexdError, UnsafeFileError
from rexd.reading.load import load_demonstrations

assert all((bad_archives, bad_folders, bad_hdf5, bad_json, bad_pickles))  # they fill the corpus

LEAST = 60
ALLOWED_BYTES = 96 * 2**20
"""The bytes that reading a file may take at its peak; the largest files are a few MB, and are unpacked in pieces."""

_LAZY = (
    *("h5py", "pyarrow", "pyarrow.compute", "pyarrow.ipc", "pyarrow.parquet", "pyarrow.types", "tokenize", "numpy.ma"),
    *(
        f"encodings.{name}"
        for name in ("ascii", "cp437", "idna", "latin_1", "raw_unicode_escape", "unicode_escape", "utf_8_sig")
    ),
)


@pytest.fixture(scope="session")
def _listening() -> None:
    """Import everything that honest files would make rexd import, so that any import that is seen is the attack's."""
    for name in _LAZY:
        try:
            import_module(name)
        except ModuleNotFoundError:
            continue
    install()


def test_there_are_enough() -> None:
    assert len(CORPUS) >= LEAST


@pytest.mark.usefixtures("_listening")
@pytest.mark.parametrize("name", list(CORPUS))
def test_refused_and_nothing_done(name: str, tmp_path: Path) -> None:
    item, mark = CORPUS[name], tmp_path / "mark"
    folder = tmp_path / "given"
    folder.mkdir()
    path = item.make(folder, mark)
    outside = [place for place in (Path("/etc/passwd"), tmp_path / "outside.h5") if place.exists()]
    before = forget_peak()
    for _ in range(3):  # other programs open /etc/passwd too, but a hostile file would do so each time
        with opened_by_anything(*outside) as opened, watching() as seen:
            error = refusal(path)
        if not opened:
            break
    peak = peak_memory()
    check_message(item, error, path)
    assert seen.forbidden == []
    assert not opened
    home = folder.resolve()
    assert [file for file in seen.opened if not file.resolve().is_relative_to(home)] == []
    assert not any(mark.parent.glob("mark*"))
    if before is not None and peak is not None:
        assert peak - before < ALLOWED_BYTES, f"took {(peak - before) / 2**20:.0f} MB"
    shutil.rmtree(folder)


def refusal(path: Path) -> RexdError:
    """Return the error of reading the file; an error of any other kind escapes and fails the test."""
    try:
        load_demonstrations(path)
    except RexdError as error:
        return error
    pytest.fail("the file was read")


def check_message(item: Hostile, error: RexdError, path: Path) -> None:
    assert re.search(item.refusal, str(error)), str(error)
    assert path.name in str(error)
    assert isinstance(error, UnsafeFileError) == item.unsafe, repr(error)
    assert isinstance(error, DemonstrationError) or "space" in str(error)
    assert len(str(error)) < 5000


def test_what_is_watched_is_seen(tmp_path: Path) -> None:
    """Without this, the tests above would also pass if nothing were ever seen."""
    import pickle

    secret = tmp_path / "secret"
    secret.touch()
    install()
    before = forget_peak()
    with opened_by_anything(secret) as opened, watching() as seen:
        pickle.loads(bad_pickles.call("os.system", "true"))
        secret.read_bytes()
        held = bytearray(ALLOWED_BYTES)
        held[::4096] = b"\x01" * len(held[::4096])
    assert any(event.startswith("os.system") for event in seen.forbidden)
    assert any(event.startswith("pickle.find_class") for event in seen.forbidden)
    assert secret in seen.opened
    peak = peak_memory()
    if before is not None and peak is not None:
        assert opened == [str(secret)]
        assert peak - before >= ALLOWED_BYTES
