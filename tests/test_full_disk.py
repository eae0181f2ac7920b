"""A full disk is one error, whatever the library that writes makes of it."""

import shutil
from errno import ENOSPC
from types import SimpleNamespace

import pytest
from safetensors import SafetensorError

from rexd.files import atomic_path, is_full


@pytest.mark.parametrize(
    ("error", "free"),
    [
        (OSError(ENOSPC, "No space left on device"), 10**9),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), 10**9),
        (RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"), 0),
    ],
)
def test_no_space_is_told_with_the_file(tmp_path, monkeypatch, error, free):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))

    def write():
        with atomic_path(tmp_path / "a.bin") as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(OSError, match="No space left") as caught:
        write()
    assert is_full(caught.value)
    assert caught.value.filename == str(tmp_path / "a.bin")
    assert caught.value.__cause__ is error
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_writing_are_their_own(tmp_path):
    with pytest.raises(RuntimeError, match="too long"), atomic_path(tmp_path / "a.bin"):
        raise RuntimeError("too long")
    assert not is_full(RuntimeError("too long"))
    assert not is_full(OSError(2, "No such file"))
