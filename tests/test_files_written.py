import json
import os

import pytest

from rexd.errors import RunError
from rexd.files import MOST_DEPTH, atomic_path, check_writable, leftovers, read_json, write_json


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "made" / "on the way.json"
    write_json(path, {"old": 1})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"new": float("nan")})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_place_is_tried_without_a_trace(tmp_path):
    path = tmp_path / "kept.json"
    path.write_text("kept")
    check_writable(path)
    check_writable(tmp_path / "new" / "file.json")
    assert path.read_text() == "kept"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["kept.json", "new"]
    assert not list((tmp_path / "new").iterdir())


def test_a_place_that_cannot_be_written_is_told_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        check_writable(tmp_path)
    with pytest.raises(OSError, match="file"):
        check_writable(tmp_path / "file" / "inside.json")


def test_content_and_name_are_on_the_disk_before_a_file_counts_as_written(tmp_path, monkeypatch):
    done, rename, fsync = [], os.replace, os.fsync
    monkeypatch.setattr("pathlib.Path.replace", lambda self, to: (done.append("renamed"), rename(self, to)))
    monkeypatch.setattr(os, "fsync", lambda file: (done.append(os.path.isdir(f"/proc/self/fd/{file}")), fsync(file)))
    write_json(tmp_path / "a.json", {})
    assert done == [False, "renamed", True]


def test_what_a_kill_leaves_is_found_and_nothing_else(tmp_path):
    for name in (".hidden", ".gitignore", "config.json", ".config.json.bak", ".lock"):
        (tmp_path / name).write_text("kept")
    with atomic_path(tmp_path / "config.json") as temporary:
        assert leftovers(tmp_path) == [temporary]
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "no sound JSON"),
        (b'{"a": ', "no sound JSON"),
        (b"\xff\xfe{}", "no sound JSON"),
        (b"[" * 10_000, "no sound JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "no sound JSON"),
        (b'{"a": ' + b"[" * MOST_DEPTH + b"]" * MOST_DEPTH + b"}", "within each other"),
        (b'{"a": [' + b"{}," * 2**20 + b"{}]}", "which are too many"),
        (b"[]", "holds a list"),
        (b"null", "holds a NoneType"),
        (b" " * (2**25 + 1), "expected at most"),
        (None, "cannot be read"),
    ],
)
def test_json_that_is_no_sound_object(tmp_path, content, found):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=rf"{path}: .*{found}.*Copy it again"):
        read_json(path, RunError, "Copy it again")


def test_json_that_is_sound(tmp_path):
    content = {
        "a": [1, {"b": None}],
        "ä": [[]] * 1000,
        "deep": json.loads("[" * (MOST_DEPTH - 1) + "]" * (MOST_DEPTH - 1)),
    }
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json", RunError, "") == content
