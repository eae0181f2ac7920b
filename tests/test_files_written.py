import pytest

from rexd.files import check_writable, write_json


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
