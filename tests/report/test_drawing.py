import re

import pytest

from rexd.errors import MissingExtraError, RexdError
from rexd.report.drawing import AGENT, SUFFIXES, TEXT, check_picture, draw

pytest.importorskip("matplotlib")


def line(title="A line"):
    def paint(figure):
        panel = figure.subplots()
        panel.plot([0, 1, 2], [0, 1, 0], color=AGENT, marker="o")
        panel.set_xlabel("a <script> & $x$")

    return draw(title, "It rises to 1, and falls.", 2.0, paint)


def test_the_same_figure_is_the_same_text_and_names_no_day():
    one = line().inline("f1")
    assert one == line().inline("f1")
    assert "<metadata" not in one
    assert "<style" not in one
    assert one.startswith("<svg ")


def test_names_of_parts_are_unique_on_a_page():
    first, second = line().inline("f1"), line().inline("f2")
    ids = [re.findall(r' id="([^"]+)"', text) for text in (first, second)]
    assert len(ids[0]) == len(set(ids[0])) > 3
    assert not set(ids[0]) & set(ids[1])
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', first))
    assert used
    assert used <= set(ids[0])


def test_colours_are_those_of_the_page_and_text_is_text():
    text = line().inline("f1")
    assert "var(--agent)" in text
    assert "var(--text)" in text
    assert AGENT not in text
    assert TEXT not in text
    assert "a &lt;script&gt; &amp; $x$" in text  # a name, and no formula
    assert 'role="img" aria-labelledby="f1-words"' in text
    assert ' width="' not in text.partition(">")[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_are_the_same_every_time(tmp_path, suffix):
    paths = [line().save(tmp_path / f"{number}{suffix}") for number in range(2)]
    one, other = (path.read_bytes() for path in paths)
    assert one == other
    marks = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    assert one.startswith(marks[suffix])
    if suffix == ".svg":
        assert b"It rises to 1, and falls." in one
        assert b"var(--" not in one  # a file has no page whose colours it could take


def test_other_kinds_are_refused(tmp_path):
    with pytest.raises(RexdError, match=r"ends in \.svg, \.png, \.pdf"):
        check_picture(tmp_path / "picture.html")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rexd\[report\]'"):
        check_picture(tmp_path / "picture.svg")
