"""Random contents that are not in pickles: in memory, in an npz and in text."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_contents import KEYS, Maker, honest

import rexd
from rexd.errors import RexdError
from rexd.reading.load import load_demonstrations

OPTIONS: list[dict[str, Any]] = [{}, {"episode_length": 2}, {"columns": slice(0, 2)}, {"columns": [0, 7]}]


@pytest.mark.filterwarnings("ignore:.*overflow:RuntimeWarning:test_contents")
@pytest.mark.parametrize("seed", range(2))
def test_memory(seed: int) -> None:
    maker, good, read = Maker(seed), honest(), 0
    for trial in range(500):
        content = maker.value(4) if trial % 4 == 0 else maker.mutate(maker.random.choice(good))
        try:
            rexd.to_demonstrations(content, **maker.random.choice(OPTIONS))
            read += 1
        except RexdError:
            continue
    assert read > 15


@pytest.mark.filterwarnings("ignore:.*overflow:RuntimeWarning:test_contents")
@pytest.mark.parametrize("names", ["known", "imitation", "sb2", "other"])
def test_npz(tmp_path: Path, names: str) -> None:
    maker, good, read = Maker(0), honest(), 0
    keys = {
        "known": [str(key) for key in KEYS],
        "imitation": ["obs", "acts", "indices", "terminal", "rews", "infos"],
        "sb2": ["obs", "actions", "episode_starts", "episode_returns", "rewards", "next_obs"],
        "other": ["arr_0", "arr_1"],
    }[names]
    file = tmp_path / "demos.npz"
    for _ in range(150):
        content: dict[str, Any] = {}
        for key in maker.random.sample(keys, maker.random.randint(1, min(6, len(keys)))):
            value = maker.mutate(maker.random.choice(good)) if maker.random.random() < 0.5 else maker.atom()
            content[key] = value if isinstance(value, np.ndarray) and value.dtype.kind != "c" else _object(value)
        if names in ("imitation", "sb2"):
            content = {key: content.get(key, np.zeros((4, 3))) for key in keys} | content
        np.savez(file, **content)
        try:
            load_demonstrations(file, **maker.random.choice(OPTIONS))
            read += 1
        except RexdError:
            continue
    assert read > 0 or names != "known"


def _object(value: Any) -> Any:
    array = np.empty((), object)
    array[()] = value
    return array


PIECES = [
    *("1", "2.5", "-3", "nan", "inf", "1e400", "True", "False", "", " ", "x", '"', "'", "#", "0,5", "[1, 2]", "١"),
    *("obs_0", "obs_1", "action", "action_0", "reward", "done", "episode", "step", "next_obs_0", "t"),
]


@pytest.mark.parametrize("seed", range(2))
def test_text(tmp_path: Path, seed: int) -> None:
    """Tables of numbers with some cells or lines replaced raise no other errors than rexd's."""
    chance = random.Random(seed)
    file, read = tmp_path / "observations.csv", 0
    for _ in range(150):
        delimiter = chance.choice(",; \t")
        width = chance.randint(1, 5)
        names = chance.sample(["obs_0", "obs_1", "action", "reward", "done", "episode", "step", "other"], width)
        rows = [names] if chance.random() < 0.7 else []
        rows += [[str(chance.randint(0, 3)) for _ in range(width)] for _ in range(chance.randint(0, 8))]
        for _ in range(chance.choice([0, 0, 1, 3])):
            if rows:
                row = chance.choice(rows)
                row[chance.randrange(len(row))] = chance.choice(PIECES)
        lines = [delimiter.join(row) for row in rows]
        if chance.random() < 0.1:
            lines.insert(chance.randint(0, len(lines)), chance.choice(PIECES))
        file.write_text("\n".join(lines) + chance.choice(["", "\n"]), encoding="utf-8")
        (tmp_path / "actions.csv").write_text("0\n1\n" * chance.randint(0, 4))
        try:
            load_demonstrations(chance.choice([file, tmp_path]), **chance.choice(OPTIONS))
            read += 1
        except RexdError:
            continue
    assert read > 0
