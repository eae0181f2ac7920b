"""Random objects as a file's content: a format reads one, leaves it to others, or raises one of rexd's errors."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from recorded import STEPS, flat, trajectories

from rexd.errors import RexdError
from rexd.reading.containers.source import Source
from rexd.reading.formats import FORMATS
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import NAMES

KEYS = [*(name for names in NAMES.values() for name in names), "lengths", "episode_starts", "other", 3, None]
SHAPES = [(), (0,), (1,), (3,), (4,), (4, 3), (4, 2), (1, 3), (0, 3), (3, 4, 2), (4, 1, 3), (2, 2, 2, 2)]
DTYPES = ["f2", "f4", ">f8", "i4", "u1", "?", "c8", "U3"]
ATOMS = [None, 1, 0.5, True, "text", b"octets", float("nan"), 10**30, 1e39, 1j, np.float32(1), np.bool_(1)]
OBJECTS = [np.array([None, 1], object), np.array(None, object), np.array([[1.0, None]], object)]
HINTS = [
    Hints(),
    Hints(episode_length=2),
    Hints(act_dim=2, obs_dim=3, max_episode_steps=3),
    Hints(n_actions=3, obs_dim=3),
    Hints(columns=slice(0, 2), episode_length=3),
    Hints(columns=[0, 7]),
]


def rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: values[i] for name, values in columns.items()} for i in range(len(columns["rewards"]))]


def honest() -> list[Any]:
    columns, parts = flat(), trajectories()
    beside = np.hstack([columns["observations"], columns["actions"]])
    apart = {name: [t[name] for t in parts] for name in columns}
    padded = {"states": np.zeros((3, 5, 2)), "actions": np.zeros((3, 5, 1)), "lengths": np.array([4, 3, 5])}
    transitions = list(zip(*columns.values(), strict=True))
    tuples = [tuple(t.values()) for t in parts]
    return [columns, parts, rows(columns), [rows(t) for t in parts], transitions, tuples, beside, apart, padded]


class Maker:
    """A maker of random objects, and of honest ones with parts replaced by random ones."""

    def __init__(self, seed: int) -> None:
        self.random, self.numpy = random.Random(seed), np.random.default_rng(seed)

    def atom(self) -> Any:
        choice = self.random.random()
        if choice < 0.4:
            return self.random.choice(ATOMS)
        if choice < 0.5:
            return self.random.choice(OBJECTS)
        return self.numpy.normal(size=self.random.choice(SHAPES)).astype(self.random.choice(DTYPES))

    def value(self, depth: int) -> Any:
        kind = self.random.random()
        if depth == 0 or kind < 0.25:
            return self.atom()
        count = self.random.randrange(7)
        if kind < 0.45:
            return [self.value(depth - 1) for _ in range(count)]
        if kind < 0.6:
            return tuple(self.value(depth - 1) for _ in range(count))
        if kind < 0.7:
            return [self.value(depth - 1)] * count
        return {self.random.choice(KEYS): self.value(depth - 1) for _ in range(count)}

    def mutate(self, content: Any, depth: int = 3) -> Any:
        if depth == 0 or self.random.random() < 0.1:
            return self.value(2)
        if isinstance(content, dict) and content:
            key = self.random.choice(list(content))
            changed = {name: part for name, part in content.items() if name != key}
            return changed if self.random.random() < 0.2 else changed | {key: self.mutate(content[key], depth - 1)}
        if isinstance(content, list | tuple) and content:
            place = self.random.randrange(len(content))
            return type(content)([*content[:place], self.mutate(content[place], depth - 1), *content[place + 1 :]])
        if isinstance(content, np.ndarray) and content.ndim and content.dtype.kind == "f":
            changed = [content[:-1], content[None], content.astype("O"), content.astype("?"), content * 1e38]
            return self.random.choice(changed)
        return self.value(1)


@pytest.mark.filterwarnings("ignore:.*overflow:RuntimeWarning:test_contents")
@pytest.mark.parametrize("seed", range(4))
def test_only_rexd_errors_escape(seed: int) -> None:
    maker, good, read = Maker(seed), honest(), 0
    for trial in range(1500):
        content = maker.value(4) if trial % 4 == 0 else maker.mutate(maker.random.choice(good))
        for item in FORMATS:
            source = Source("memory")
            source.__dict__.update(content=content, size=1000, exists=True)
            try:
                if item.sniff(source):
                    item.load(source, maker.random.choice(HINTS))
                    read += 1
            except RexdError:
                continue
    assert read > 50


def test_the_honest_ones_are_read() -> None:
    for content in honest():
        source = Source("memory")
        source.__dict__.update(content=content, size=1000, exists=True)
        item = next(item for item in FORMATS if item.sniff(source))
        hints = Hints(columns=slice(0, 3), episode_length=6) if item.takes_columns else Hints()
        assert item.load(source, hints).n_transitions == STEPS
