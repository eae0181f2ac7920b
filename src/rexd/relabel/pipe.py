"""Scoring in a pipe: transitions come in as JSON lines or as an Arrow stream, and rewards go out likewise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, RexdError, import_extra
from rexd.reading.containers.arrow import as_numbers
from rexd.reading.containers.arrow_stream import MARKER, record_batches
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import BOUNDARIES, find_keys
from rexd.reading.rows.normalise import as_actions, as_flags, as_observations
from rexd.relabel.shards import SHARD_ROWS
from rexd.reward.base import RewardModel, predict_at
from rexd.reward.rows import Float32, Rows

NAME = "standard input"
STEP = "step"
_MOST_LINE = 64 * 1024**2
_READ = 2**20
_ENDS = ("terminated", "truncated", "dones")
_ROWS = ("observations", "actions", "next_observations")

Columns = Mapping[str, Any]
"""The values of each column, with a row for each transition."""


def score_stream(model: RewardModel, stream: IO[bytes], out: IO[bytes]) -> int:
    """Score transitions as they arrive, and write each reward before the next are read.

    Args:
        model: The reward.
        stream: JSON lines, an object for each transition, or an Arrow IPC stream, a row for each. The names are those
            that files have (``rexd.reading.rows.key_names``).
        out: Where the rewards go: a line ``{"reward": 0.5}`` for each line, or a batch for each batch.

    Returns:
        The number of transitions.

    Raises:
        DemonstrationError: The stream is damaged, or lacks a column.
        SpaceMismatchError: The columns do not fit the reward.
        RexdError: The reward looks at whole episodes.
    """
    if getattr(model, "stateful", False):
        raise RexdError(
            "this reward looks at whole episodes, which a pipe does not bring at once; score a file: rexd score REWARD "
            "FILE -o rewards.npz"
        )
    head = stream.read(len(MARKER))
    scorer = _Scorer(model)
    if head == MARKER:
        return _score_arrow(scorer, stream, out, head)
    return _score_lines(scorer, stream, out, head)


class _Scorer:
    """Scores blocks of rows that follow one another."""

    def __init__(self, model: RewardModel) -> None:
        self._model, self.rows = model, 0
        self._clock, self._episode = 0, None  # the steps since the last end, and the episode of the last row

    def score(self, label: str, columns: Columns) -> Float32:
        """Return the rewards of some rows; ``label`` names them in messages."""
        keys = find_keys(columns)
        if "observations" not in keys:
            raise DemonstrationError(
                f"{label}: has no observations (found {', '.join(map(str, columns))[:200] or 'nothing'}); expected "
                "names such as 'obs' and 'act'"
            )
        obs = as_observations(label, columns[keys["observations"]])
        found = {"obs": _floats(label, obs)}
        if "actions" in keys:
            act = as_actions(label, columns[keys["actions"]], len(obs), Hints())
            found["act"] = _floats(label, act) if act.dtype.kind == "f" else act
        if "next_observations" in keys:
            found["next_obs"] = _floats(label, as_observations(label, columns[keys["next_observations"]]))
        rewards = np.asarray(predict_at(self._model, Rows(**found, step=self._steps(label, columns, len(obs)))))
        self.rows += len(rewards)
        return rewards

    def _steps(self, label: str, columns: Columns, rows: int) -> Array | None:
        """Return the steps since the start of each row's episode, as they are given or counted; None if neither."""
        if STEP in columns:
            step = np.asarray(columns[STEP])
            if step.shape != (rows,) or step.dtype.kind not in "iu" or (step < 0).any():
                raise DemonstrationError(f"{label}: {STEP!r} holds {step[:3]}; expected whole numbers from 0 on")
            return step.astype(np.int64)
        keys = find_keys(columns)
        last = np.zeros(rows, np.bool_)
        told = [keys[role] for role in _ENDS if role in keys]
        for key in told:
            last |= as_flags(label, key, columns[key], rows)
        name = next((name for name in BOUNDARIES["ids"] if name in columns), None)
        if not told and name is None:
            return None
        ids = None if name is None else list(columns[name])
        steps = np.empty(rows, np.int64)
        for row in range(rows):
            if ids is not None and ids[row] != self._episode:
                self._clock, self._episode = 0, ids[row]
            steps[row] = self._clock
            self._clock = 0 if last[row] else self._clock + 1
        return steps


def _floats(label: str, array: Array) -> Array:
    if not np.isfinite(array).all():
        raise DemonstrationError(f"{label}: holds NaN or infinite values; expected finite numbers")
    return array if array.dtype == np.uint8 else np.ascontiguousarray(array, np.float32)


def _score_arrow(scorer: _Scorer, stream: IO[bytes], out: IO[bytes], head: bytes) -> int:
    pa, ipc = import_extra("pyarrow", "arrow"), import_extra("pyarrow.ipc", "arrow")
    schema = pa.schema([("reward", pa.float32())])
    with ipc.new_stream(out, schema) as writer:
        for number, batch in enumerate(record_batches(stream, NAME, head)):
            if not len(batch):
                continue
            label = f"{NAME}, batch {number}"
            kinds = pa.types
            columns = {
                name: column.to_pylist() if kinds.is_string(column.type) else as_numbers(label, name, column)
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            }
            writer.write_batch(pa.record_batch([pa.array(scorer.score(label, columns))], schema=schema))
            out.flush()
    return scorer.rows


def _score_lines(scorer: _Scorer, stream: IO[bytes], out: IO[bytes], head: bytes) -> int:
    first = 1
    for lines in _line_blocks(stream, head):
        label = f"{NAME}, lines {first} to {first + len(lines) - 1}"
        rewards = scorer.score(label, _columns(lines, first))
        out.write(b"".join(b'{"reward": %.9g}\n' % reward for reward in rewards.tolist()))
        out.flush()
        first += len(lines)
    return scorer.rows


def _line_blocks(stream: IO[bytes], head: bytes) -> Iterator[list[bytes]]:
    """Yield what has arrived in whole lines, without waiting for more, and at most ``SHARD_ROWS`` at a time."""
    read = getattr(stream, "read1", stream.read)
    rest = head
    while True:
        part = read(_READ)
        *lines, rest = (rest + part).split(b"\n") if part else (rest, b"")
        if len(rest) > _MOST_LINE:
            raise DemonstrationError(
                f"{NAME}: a line is longer than {_MOST_LINE} bytes; expected one transition on each line"
            )
        lines = [line for line in lines if line.strip()]
        for start in range(0, len(lines), SHARD_ROWS):
            yield lines[start : start + SHARD_ROWS]
        if not part:
            return


def _columns(lines: list[bytes], first: int) -> Columns:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, first):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DemonstrationError(
                f"{NAME}, line {number}: is no JSON ({str(error)[:100]}); expected an object for each transition, such "
                'as {"obs": [0.1, 0.2], "act": [0.3], "step": 0}'
            ) from error
        if not isinstance(row, dict) or (rows and row.keys() != rows[0].keys()):
            found = sorted(row) if isinstance(row, dict) else type(row).__name__
            expected = f"the names {sorted(rows[0])}, as before" if rows else "an object with the names of columns"
            raise DemonstrationError(f"{NAME}, line {number}: has {str(found)[:200]}; expected {expected}")
        rows.append(row)
    try:
        return {name: _array(name, [row[name] for row in rows]) for name in rows[0]}
    except RexdError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise DemonstrationError(f"{NAME}, lines from {first}: {error}") from error


def _array(name: str, values: list[Any]) -> Any:
    """Return the values of a column as an array; texts, such as the names of episodes, stay a list."""
    if all(isinstance(value, str) for value in values):
        return values
    try:
        array = np.array(values)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name!r} is not one number, or one list of numbers of the same length, on each line")
    return array
