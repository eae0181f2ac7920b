"""Offline datasets in the layouts that relabelling copies, and a small reward; the rows are the same in all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.minari.writing import save_minari
from rexd.reward.red.red import RED

SMALL = {"updates": 30, "target_layers": (16,), "predictor_layers": (16,), "outputs": 8}


@dataclass
class Offline:
    """Rows of several episodes, of which every second ends in a terminal state."""

    lengths: tuple[int, ...] = (700, 300, 1500, 41, 959)
    seed: int = 0
    obs: np.ndarray = field(init=False)
    act: np.ndarray = field(init=False)
    paid: np.ndarray = field(init=False)

    def __post_init__(self):
        rng, rows = np.random.default_rng(self.seed), self.rows
        self.obs = rng.standard_normal((rows, 4)).astype(np.float32)
        self.act = rng.uniform(-1, 1, (rows, 2)).astype(np.float32)
        self.paid = rng.standard_normal(rows).astype(np.float32)

    @property
    def rows(self):
        return sum(self.lengths)

    @property
    def stops(self):
        return np.cumsum(self.lengths)

    @property
    def step(self):
        return np.concatenate([np.arange(n) for n in self.lengths])

    @property
    def episode(self):
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def arrays(self):
        ends = np.zeros((2, self.rows), bool)
        ends[0, self.stops[::2] - 1] = ends[1, self.stops[1::2] - 1] = True
        rows = {"observations": self.obs, "actions": self.act, "rewards": self.paid}
        return {**rows, "terminals": ends[0], "timeouts": ends[1]}

    @property
    def demos(self):
        cuts = [slice(stop - n, stop) for n, stop in zip(self.lengths, self.stops, strict=True)]
        return Demonstrations(
            tuple(Trajectory.from_steps(self.obs[c], self.act[c], rewards=self.paid[c]) for c in cuts)
        )

    def hdf5(self, path: Path) -> Path:
        with h5py.File(path, "w") as file:
            for name, values in self.arrays.items():
                file.create_dataset(name, data=values, chunks=True, compression="gzip")
            file.attrs["made"] = "for a test"
            file["infos/qpos"] = self.obs
        return path

    def npz(self, path: Path, save=np.savez) -> Path:
        save(path, **self.arrays)
        return path

    def own(self, path: Path) -> Path:
        return save_demonstrations(self.demos, path)

    def minari(self, path: Path) -> Path:
        return save_minari(self.demos, path)

    def parquet(self, folder: Path, cuts=(1000, 2100), **options) -> Path:
        """Files whose episodes go on in the next file."""
        folder.mkdir()
        table = pa.table(
            {
                "observation": list(self.obs),
                "action": list(self.act),
                "reward": self.paid,
                "terminated": self.arrays["terminals"],
                "truncated": self.arrays["timeouts"],
            }
        )
        for number, (start, stop) in enumerate(zip((0, *cuts), (*cuts, self.rows), strict=True)):
            pq.write_table(table.slice(start, stop - start), folder / f"part-{number}.parquet", **options)
        return folder

    def lerobot(self, folder: Path) -> Path:
        (folder / "meta").mkdir(parents=True)
        (folder / "data" / "chunk-000").mkdir(parents=True)
        number = {"dtype": "int64", "shape": [1], "names": None}
        features = {
            "observation.state": {"dtype": "float32", "shape": [4], "names": None},
            "action": {"dtype": "float32", "shape": [2], "names": None},
            "episode_index": number,
            "frame_index": number,
        }
        info = {"codebase_version": "v3.0", "total_episodes": len(self.lengths), "fps": 10, "features": features}
        (folder / "meta" / "info.json").write_text(json.dumps(info))
        (folder / "meta" / "tasks.jsonl").write_text("{}\n")
        table = pa.table(
            {
                "observation.state": list(self.obs),
                "action": list(self.act),
                "episode_index": self.episode,
                "frame_index": self.step,
            }
        )
        half = int(self.stops[1])
        for name, part in (("file-000", table.slice(0, half)), ("file-001", table.slice(half))):
            pq.write_table(part, folder / "data" / "chunk-000" / f"{name}.parquet")
        return folder


def small_reward(path: Path, **settings) -> Path:
    """A reward for these rows that takes little time to fit and to ask."""
    few = Offline(lengths=(60, 60), seed=1).demos
    return RED(**SMALL, **settings).fit(few).save(path)


def bare_predict(reward: Path, data: Offline, next_obs=None) -> np.ndarray:
    """What ``predict`` says of all rows at once, with one thread, as everywhere in relabelling."""
    from rexd.reward.files import load_reward

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return load_reward(reward).predict(data.obs, data.act, next_obs, data.step)
    finally:
        torch.set_num_threads(before)
