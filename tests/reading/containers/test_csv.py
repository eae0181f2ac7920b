"""Tables in text: delimiters, headers, truth values, and texts that are not tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rexd.errors import DemonstrationError
from rexd.reading.containers.csv import Table, read_layout


def table(tmp_path: Path, text: str) -> Table:
    file = tmp_path / "file"
    file.write_text(text, encoding="utf-8")
    found = read_layout(file)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "1 2.5\n3 -4e0\n",
        "  1   2.5 \n  3   -4.0",
        "1,2.5\r\n3,-4\r\n",
        "1, 2.5\n\n3, -4\n\n",
        "1;2,5\n3;-4,0\n",
        "1\t2.5\n3\t-4\n",
        "1,2.5,\n3,-4,\n",
        '"1","2.5"\n"3","-4"\n',
        "# two numbers\n# in each row\n1 2.5\n3 -4\n",
        "\ufeffa,b\n1,2.5\n3,-4\n",
        '"a","b"\n1,2.5\n3,-4\n',
        "# a b\n1 2.5\n3 -4\n",
        "A ; B\n1;2.5\n3;-4\n",
    ],
)
def test_rows(tmp_path: Path, text: str) -> None:
    found = table(tmp_path, text)
    np.testing.assert_array_equal(found.rows(), [[1.0, 2.5], [3.0, -4.0]])
    np.testing.assert_array_equal(found.rows([1]), [[2.5], [-4.0]])
    assert found.names == (("a", "b") if "a" in text.lower().replace("each", "") else None)
    assert found.kinds[:2] == ("integer", "number")


def test_truth_values(tmp_path: Path) -> None:
    found = table(tmp_path, "x,done,info\n1,True,{}\n2,False,{}\n3,FALSE,{}\n")
    assert found.kinds == ("integer", "truth", "text")
    np.testing.assert_array_equal(found.rows([1, 0]), [[1, 1], [0, 2], [0, 3]])
    with pytest.raises(DemonstrationError, match="column 'info' holds text or empty cells; expected numbers"):
        found.rows()
    rows = "x,done\n" + "1,True\n" * 60 + "1,maybe\n"
    with pytest.raises(DemonstrationError, match="column 'done' holds more than True and False"):
        table(tmp_path, rows).rows()


def test_floating_point_is_read_exactly(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(20, 3))
    text = "\n".join(" ".join(map(repr, row)) for row in values.tolist())
    np.testing.assert_array_equal(table(tmp_path, text).rows(), values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3\n", "cannot be read as a table of 2 columns"),
        ("1,2\n3,4,5\n", "cannot be read as a table of 2 columns"),
        ("1 2\n" * 60 + "1 x\n", "cannot be read as a table of 2 columns .*'x'"),
        ("a,b\n1,2\n,4\n", "column 'a' holds text or empty cells"),
        ('obs,action\n"[1, 2]",3\n', r"column 'obs' holds text .*a vector as obs_0, obs_1"),
    ],
)
def test_what_is_no_number_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DemonstrationError, match=rf"file: {message}"):
        table(tmp_path, text).rows()


@pytest.mark.parametrize(
    "text",
    [
        "just text",
        "text\n1,2\n",
        "{}",
        '{"a": 1, "b": 2}',
        "[1, 2]",
        "MIT License\n\nCopyright (c) 2019 somebody\n",
        "a,b\n",
        "\n\n",
        "12 monkeys\nwere here",
        "x" * 2_000_000,
        '"' + "1," * 5000,
    ],
)
def test_no_table(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    found = read_layout(file)
    assert found is None or text.startswith('"1,')


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rexd.reading.containers.csv.MAX_TEXT_BYTES", 10)
    with pytest.raises(DemonstrationError, match="has 12 bytes; expected at most 10"):
        table(tmp_path, "1,2\n" * 3).rows()
