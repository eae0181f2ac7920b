"""JSON, and JSON lines: one object, or several one after another, as Python lists, dicts, numbers and texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rexd.errors import DemonstrationError
from rexd.reading.containers.guards import check_file
from rexd.reading.containers.npz import memory_limit

MAX_JSON_BYTES = 256 * 1024**2
"""Larger JSON files are refused; a binary file of the same numbers is a third of the size."""

_EXPANSION = 16
_LIST_BYTES, _DICT_BYTES, _ITEM_BYTES = 72, 240, 40  # what Python needs for each, at most
_STARTS = {"[": '[]{"-0123456789NI', "{": '"}'}  # what may follow the first character
_SPACE = " \t\r\n"


def starts_like_json(head: bytes) -> bool:
    """Whether the first bytes of a file begin a list or an object of JSON, in UTF-8, UTF-16 or UTF-32."""
    start = "".join(head[:1024].decode(json.detect_encoding(head[:4]), "ignore").lstrip("\ufeff" + _SPACE).split())
    return len(start) > 1 and start[1] in _STARTS.get(start[0], "")


def read_json_values(path: Path) -> Any:
    """Read a JSON file; the values of JSON lines become one list.

    Raises:
        DemonstrationError: The file is too large, cut short, no JSON, nested too deeply, or names a key twice.
    """
    size = check_file(path, max_bytes=MAX_JSON_BYTES)
    content = path.read_bytes()
    try:
        text = content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
        claimed = _LIST_BYTES * text.count("[") + _DICT_BYTES * text.count("{") + _ITEM_BYTES * text.count(",")
        if claimed > (limit := memory_limit(size, _EXPANSION)):
            raise DemonstrationError(
                f"{path}: its lists and objects would take {claimed} bytes in memory; expected at most {limit} from "
                "this file. Store fewer trajectories in one file, or store arrays in an npz"
            )
        values = _values(text, json.JSONDecoder(object_pairs_hook=_distinct))
    except json.JSONDecodeError as error:
        raise DemonstrationError(
            f"{path}: is no whole JSON: {error.msg} at line {error.lineno}, column {error.colno}; the file is cut "
            "short or damaged, write or download it again"
        ) from error
    except RecursionError as error:
        raise DemonstrationError(
            f"{path}: has lists within lists too many deep to be read as JSON; expected rows of numbers. Write it again"
        ) from error
    except ValueError as error:  # bytes that are no text, a key that is there twice, an integer of thousands of digits
        raise DemonstrationError(f"{path}: cannot be read as JSON ({str(error)[:200]}); write it again") from error
    return values[0] if len(values) == 1 else values


def _values(text: str, decoder: json.JSONDecoder) -> list[Any]:
    found, place = [], _skip(text, 0)
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        found.append(value)
        place = _skip(text, place)
    return found


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"an object has the key {twice[:80]!r} twice; expected each once")
    return made
