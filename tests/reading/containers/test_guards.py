"""Files that are plainly not demonstrations."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from rexd.errors import DemonstrationError
from rexd.reading.containers.guards import check_file
from rexd.reading.load import load_demonstrations

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 640273\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\).* download or record it again"),
        (POINTER, "is a Git LFS pointer of 71 bytes, not the data; run 'git lfs pull'"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "is a web page, not data.* raw file"),
        (b"\n\n  <HTML>", "is a web page"),
        (gzip.compress(b"data", mtime=0), "is compressed .* decompress it first"),
        (
            b"just text",
            r"is text without a row of numbers .*\(it begins 'just text'\); expected recorded observations and actions",
        ),
        (b"\x00\x01\x02", "is none of the formats that rexd reads .*00 01 02"),
        (b"PK\x03\x04 cut", "is an npz or zip cut short or damaged"),
        (b"\x80\x04\x95", "the pickle is cut short or damaged"),
    ],
)
def test_message_names_file_and_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "Hopper-v2.pkl"
    file.write_bytes(content)
    with pytest.raises(DemonstrationError, match=rf"Hopper-v2\.pkl: ({message})"):
        load_demonstrations(file)


def test_missing_and_irregular_files(tmp_path: Path) -> None:
    with pytest.raises(DemonstrationError, match=r"absent\.pkl: does not exist"):
        load_demonstrations(tmp_path / "absent.pkl")
    with pytest.raises(DemonstrationError, match=r"is an empty folder; expected recorded .*Name a file"):
        load_demonstrations(tmp_path)
    for number in range(10):
        (tmp_path / f"{number}.bin").touch()
    with pytest.raises(DemonstrationError, match=r"is a folder of 0\.bin, .*7\.bin and 2 more; expected recorded"):
        load_demonstrations(tmp_path)
    with pytest.raises(DemonstrationError, match="is not a regular file"):
        check_file(tmp_path)


def test_size_is_returned_and_limited(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"12345")
    assert check_file(file, max_bytes=5) == 5
    with pytest.raises(DemonstrationError, match="has 5 bytes; expected at most 4"):
        check_file(file, max_bytes=4)


@pytest.mark.skipif(not hasattr(os, "SEEK_DATA"), reason="the system does not tell holes")
def test_a_file_of_holes_is_told_from_one_that_is_written(tmp_path: Path) -> None:
    sparse, written = tmp_path / "sparse.npy", tmp_path / "written.npy"
    for path, content in ((sparse, 2**16), (written, 3 * 2**20)):
        with path.open("wb") as stream:
            stream.write(b"\x93NUMPY" + bytes([1]) * content)
            stream.truncate(128 * 2**20)
    assert check_file(written) == 128 * 2**20
    with pytest.raises(DemonstrationError, match=r"sparse\.npy: has 134217728 bytes, nearly all .* never written"):
        check_file(sparse)
    os.truncate(sparse, 2**20)
    assert check_file(sparse) == 2**20  # too small to claim much
