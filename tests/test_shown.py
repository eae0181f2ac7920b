"""Text of files is shown as text."""

import pytest

from rexd.shown import plain, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is [link=x] ä σ \U0001f600", "as it is [link=x] ä σ \U0001f600"),
        ("\x1b[31mred\x07\x00", r"\x1b[31mred\x07\x00"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("\u202eover\ufeff\ud800", r"\u202eover\ufeff\ud800"),
        ("a\tb", "a b"),
    ],
)
def test_control_characters_are_written_out(text, shown):
    assert visible(text) == plain(text) == shown


def test_one_line():
    assert plain("  a\r\n\u2028 b ") == "a b"
    assert visible("a\nb") == "a b"
