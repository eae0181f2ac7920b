"""Tables of numbers in text files: separated by commas, semicolons, tabs or spaces, with or without a header.

``numpy.loadtxt`` reads the rows, which is numpy's fastest parser of text since version 1.23. It takes lines from an
open file, so that no copy of the text is kept, and refuses rows of different lengths, so that a table takes at most
four times the bytes of its file.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from rexd.errors import DemonstrationError, RexdError
from rexd.reading.containers.guards import check_file, read_head

MAX_TEXT_BYTES = 1024**3
"""Larger text files are refused; a binary file of the same numbers is a quarter of the size."""

_HEAD = 1024**2
_SAMPLED = 50  # number of rows that tell what a column holds
_TRUTH = {"true": True, "false": False}
_TRUTH_BYTES = "S6"

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """The layout of the table in a text file; the rows are read when they are asked for.

    Attributes:
        path: The file.
        names: The names of the columns as in the header, in lower case; None without a header.
        kinds: What each column holds: ``"integer"``, ``"number"``, ``"truth"``, ``"text"`` or ``"empty"``.
        delimiter: The character between columns; None for spaces.
        skipped: The number of lines before the first row.
        decimal_comma: Whether numbers are written as 0,5.
    """

    path: Path
    names: tuple[str, ...] | None
    kinds: tuple[str, ...]
    delimiter: str | None
    skipped: int
    decimal_comma: bool

    @property
    def width(self) -> int:
        """The number of columns, without an empty one at the end of each line."""
        return len(self.kinds) - (self.kinds[-1] == "empty")

    def rows(self, columns: Sequence[int] | None = None) -> Float64:
        """Read the rows.

        Args:
            columns: The columns to read, in this order; None for all.

        Returns:
            (N, columns) numbers; truth values are 0 and 1.

        Raises:
            DemonstrationError: A column does not hold numbers, a row is of another length, or the file is too large.
        """
        chosen = list(range(self.width)) if columns is None else list(columns)
        for column in chosen:
            if self.kinds[column] in ("text", "empty"):
                raise DemonstrationError(
                    f"{self.path}: {self._label(column)} holds text or empty cells; expected numbers. Write one number "
                    "in each column (a vector as obs_0, obs_1, ...)"
                )
        check_file(self.path, max_bytes=MAX_TEXT_BYTES)
        try:
            with self.path.open(encoding="utf-8-sig", newline=None) as stream, warnings.catch_warnings():
                warnings.simplefilter("error")
                return self._read(stream, chosen)
        except (RexdError, MemoryError):
            raise
        except Exception as error:  # loadtxt raises many kinds of errors on damaged text
            raise DemonstrationError(
                f"{self.path}: cannot be read as a table of {self.width} columns ({str(error)[:200]}; rows are counted "
                f"after the first {self.skipped} lines); expected numbers in all rows, write or download it again"
            ) from error

    def _read(self, stream: TextIO, chosen: list[int]) -> Float64:
        truths = [column for column in chosen if self.kinds[column] == "truth"]
        lines: Iterator[str] = iter(stream)
        if self.decimal_comma:
            lines = (line.replace(",", ".") for line in lines)
        used = None if chosen == list(range(len(self.kinds))) else chosen  # with None, loadtxt compares row lengths
        options: Any = {"delimiter": self.delimiter, "skiprows": self.skipped, "usecols": used, "quotechar": '"'}
        if not truths:
            return np.loadtxt(lines, ndmin=2, **options)
        fields = [(f"f{column}", _TRUTH_BYTES if column in truths else "f8") for column in chosen]
        found = np.loadtxt(lines, ndmin=1, dtype=fields, **options)
        rows = np.empty((len(found), len(chosen)))
        for place, column in enumerate(chosen):
            values = found[f"f{column}"]
            rows[:, place] = self._truths(values, column) if column in truths else values
        return rows

    def _truths(self, values: NDArray[np.bytes_], column: int) -> NDArray[np.bool_]:
        lower = np.char.lower(np.char.strip(values))
        if not np.isin(lower, [b"true", b"false"]).all():
            raise DemonstrationError(
                f"{self.path}: {self._label(column)} holds more than True and False; expected nothing else. Write the "
                "column again"
            )
        return np.asarray(lower == b"true")

    def _label(self, column: int) -> str:
        return f"column {column}" if self.names is None else f"column {self.names[column]!r}"


def read_layout(path: Path) -> Table | None:
    """Return the layout of the table in a text file, told by its first lines; None if there is no row of numbers."""
    text = read_head(path, _HEAD).decode("utf-8-sig", "replace")
    lines = text.split("\n")
    if len(text) >= _HEAD:
        lines.pop()  # the last line may be incomplete
    numbered = [(number, line.rstrip("\r")) for number, line in enumerate(lines[: 4 * _SAMPLED]) if line.strip()]
    header = None
    while numbered and (header is None or header.lstrip().startswith("#")) and not _is_row(numbered[0][1]):
        header = numbered.pop(0)[1]
    if not numbered or not _is_row(numbered[0][1]):
        return None
    first = numbered[0][1]
    delimiter = _delimiter(first)
    sampled = [_fields(line, delimiter) for _, line in numbered[:_SAMPLED]]
    # loadtxt names a row of another length later
    sampled = [fields for fields in sampled if len(fields) == len(sampled[0])]
    decimal_comma = delimiter != "," and any("," in field for fields in sampled for field in fields)
    kinds = tuple(_kind(values, decimal_comma) for values in zip(*sampled, strict=True))
    names = None
    if header is not None:
        found = _fields(header.lstrip("# "), delimiter)
        if len(found) == len(kinds):
            names = tuple(name.strip().lower() for name in found)
        elif not header.lstrip().startswith("#"):  # a comment need not name the columns
            return None
    return Table(path, names, kinds, delimiter, numbered[0][0], decimal_comma)


def _is_row(line: str) -> bool:
    """Whether a line is a row of numbers: all of its fields between spaces, at least half of them otherwise."""
    delimiter = _delimiter(line)
    kinds = [_kind((field,), delimiter != ",") for field in _fields(line, delimiter)]
    numbers = sum(kind in ("integer", "number") for kind in kinds)
    if line.lstrip().startswith("#") or not numbers:
        return False
    others = sum(kind == "text" for kind in kinds)
    return not others if delimiter is None else numbers >= others


def _delimiter(line: str) -> str | None:
    return next((sign for sign in (";", "\t", ",") if sign in line), None)


def _fields(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return [field.strip('"') for field in line.split()]
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _kind(values: Sequence[str], decimal_comma: bool) -> str:
    """Return the most specific kind that covers all values of a column."""
    found = {_kind_of(value.replace(",", ".") if decimal_comma else value) for value in values}
    if len(found) == 1:
        return found.pop()
    return "number" if found == {"integer", "number"} else "text"


def _kind_of(value: str) -> str:
    if not value:
        return "empty"
    if value.lower() in _TRUTH:
        return "truth"
    try:
        float(value)
    except ValueError:
        return "text"
    return "integer" if value.lstrip("+-").isdigit() else "number"
