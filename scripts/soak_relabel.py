"""The soak of relabelling: it is disturbed in each layout, and its files are damaged at each stage."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.reading.formats.d4rl import save_d4rl
from rexd.reading.minari.writing import save_minari
from rexd.relabel import relabel as work
from rexd.relabel.shards import SHARD_ROWS
from rexd.reward.red.red import RED

from soak_faults import DONE, REFUSED, Soak

SHARDS = 6
WIDTH = 6
STATES = 6  # different states of unfinished work whose files are damaged


def episodes(rows: int) -> Demonstrations:
    """Return episodes of noise of many lengths."""
    rng = np.random.default_rng(0)
    made, left = [], rows
    while left:
        steps = min(left, int(rng.integers(200, 900)))
        obs, act = rng.standard_normal((steps + 1, WIDTH), np.float32), rng.uniform(-1, 1, (steps, 2))
        paid = rng.standard_normal(steps)
        made.append(Trajectory.from_steps(obs, act.astype(np.float32), rewards=paid.astype(np.float32)))
        left -= steps
    return Demonstrations(tuple(made))


def save_compressed(demos: Demonstrations, path: Path) -> None:
    """Write an npz whose arrays must be unpacked to be read in blocks."""
    np.savez_compressed(path, **_columns(demos))


def save_parquet(demos: Demonstrations, path: Path) -> None:
    """Write a folder of three files; episodes go on in the next one."""
    path.mkdir()
    columns = _columns(demos)
    table = pa.table({name: list(values) if values.ndim > 1 else values for name, values in columns.items()})
    third = -(-len(table) // 3)
    for number in range(3):
        pq.write_table(table.slice(number * third, third), path / f"part-{number}.parquet")


def _columns(demos: Demonstrations) -> dict[str, np.ndarray]:
    ends = np.zeros(demos.n_transitions, bool)
    ends[np.cumsum(demos.lengths) - 1] = True
    return {
        "observations": np.concatenate([t.observations for t in demos]),
        "actions": np.concatenate([t.actions for t in demos]),
        "rewards": np.concatenate([t.rewards for t in demos]),
        "timeouts": ends,
    }


LAYOUTS: dict[str, tuple[str, Callable[[Demonstrations, Path], object]]] = {
    "hdf5": (".hdf5", save_d4rl),
    "npz": (".npz", save_compressed),
    "parquet": ("", save_parquet),
    "minari": ("-v0", save_minari),
}


class Relabelling(Soak):
    """``rexd relabel`` of a dataset in one layout."""

    def __init__(
        self, layout: str, folder: Path, *, kills: int, damages: int, rng: np.random.Generator, reward: Path
    ) -> None:
        """Write the dataset."""
        super().__init__(f"relabel {layout}", folder, kills=kills, damages=damages, rng=rng)
        self._suffix, save = LAYOUTS[layout]
        self._reward, self._dataset = reward, folder / f"data{self._suffix}"
        save(episodes((SHARDS - 1) * SHARD_ROWS + 999), self._dataset)

    def work(self, out: Path) -> None:
        """Relabel, or go on with it."""
        work.relabel(self._reward, self._dataset, out / f"out{self._suffix}", jobs=2)

    def results(self, out: Path) -> dict[str, Any]:
        """Return the bytes of all files, and of the manifest its content."""
        files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        return {name: json.loads(held) if "manifest" in name else held for name, held in files.items()}

    def damage(self) -> None:
        """Damage a file of work that stopped after one file or another; the same command tells it, or mends it."""
        for state in range(min(STATES, self.damages)):
            stopped = f"stopped-{state}"
            self.ended(self.start(stopped, lambda: stop_after(int(self.rng.integers(1, 2 * SHARDS + 8)))))
            files = sorted(
                path for path in (self.folder / stopped).rglob("*") if path.stat().st_size and path.is_file()
            )
            for number in range(state, self.damages, STATES):
                name = f"damaged-{number}"
                path = files[int(self.rng.integers(len(files)))].relative_to(self.folder / stopped)
                shutil.copytree(self.folder / stopped, self.folder / name)
                spoilt = self.folder / name / path
                spoilt.write_bytes(self.spoiled(spoilt.read_bytes()))
                self.count.injected += 1
                status = self.ended(self.start(name))
                if status not in (DONE, REFUSED):
                    self.lose(f"{name}: with damage in {path} the same command ended with {status}")
                elif status == DONE and (different := self.differences(name)):
                    self.count.changed += 1
                    self.count.notes.append(f"{self.name}, {name}: damage in {path} changed {', '.join(different)}")
                else:
                    self.count.survived += 1
                shutil.rmtree(self.folder / name)
            shutil.rmtree(self.folder / stopped)


def save_reward(path: Path, units: int) -> Path:
    """Save a reward for these rows; its units say how long scoring takes."""
    settings: dict[str, Any] = {"updates": 10, "target_layers": (units,), "predictor_layers": (units,), "outputs": 8}
    return RED(**settings).fit(episodes(2000)).save(path)


def stop_after(files: int) -> None:
    """End this process when it has put so many files in their places; it saves the manifest after each shard."""
    left, replace = iter(range(files)), os.replace
    work.SAVE_EVERY = 0.0

    def counted(*names: Any) -> None:
        if next(left, None) is None:
            os._exit(DONE)
        replace(*names)

    os.replace = counted
