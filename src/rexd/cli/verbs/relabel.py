"""``rexd relabel``: copy an offline dataset with the learnt reward."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rexd.cli import Interrupted
from rexd.cli import options as opt
from rexd.cli.show.output import note, print_facts, print_json, warn
from rexd.cli.show.progress import ProgressBar
from rexd.cluster import address_of
from rexd.errors import RexdError


@dataclass(frozen=True)
class Command:
    """Copy an offline dataset with the learnt reward, and keep the reward that it came with in a column of its own.

    D4RL's HDF5 becomes HDF5, an npz an npz, a Minari dataset a Minari dataset, and a folder of Parquet files (LeRobot's
    included) such a folder. The rows are read in blocks, whatever the size of the dataset. The learnt reward stands
    where the old one stood, and the old one under the name environment_reward.

    After Ctrl-C or a crash the same command goes on, and makes the bytes that it would have made. A manifest tells the
    hashes of the reward, of each shard and of each file: OUT/manifest.json, or OUT.manifest.json beside a file.

    Examples:
        rexd relabel reward.safetensors hopper_medium.hdf5 -o hopper_relabelled.hdf5
        rexd relabel reward.safetensors mujoco/hopper/medium-v0 -o hopper/relabelled-v0
        rexd relabel reward.safetensors lerobot/pusht -o pusht-relabelled --jobs 8
        rexd relabel reward.safetensors /data/steps -o /data/paid --ray 10.0.0.1:6379
    """

    reward: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="REWARD")]
    """A file with a reward, such as reward.safetensors."""
    dataset: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATASET")]
    """A file, a folder, or the id of a local Minari dataset."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="OUT")]
    """The copy: a file where the dataset is one file, and else a folder."""
    jobs: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Number of shards that are scored at a time, each by one thread. None: one for each core."""
    ray: opt.Cluster = None
    """Score on the Ray cluster at ADDRESS, whose machines share the files; without ADDRESS a cluster of this machine is
    started. Put it last."""
    json: bool = False
    """Print the results as one JSON document."""

    def run(self) -> None:
        """Relabel the dataset, and print what was made."""
        from rexd.relabel.relabel import relabel

        if self.jobs is not None and self.jobs < 1:
            raise RexdError(f"--jobs is {self.jobs}; expected 1 or more")
        ray = address_of(self.ray)
        try:
            with ProgressBar() as bar:
                made = relabel(self.reward, self.dataset, self.output, jobs=self.jobs, ray=ray, progress=bar.scored)
        except KeyboardInterrupt:
            parts = self.output.with_name(f"{self.output.name}.parts")
            if not parts.is_dir():
                raise
            raise Interrupted(parts, (), "the shards that are done") from None
        for text in made.notes:
            note(text)
        if made.resumed:
            note(f"{made.resumed} of {made.shards} shards were done already")
        if made.without_next and self._needs_next():
            warn(f"{made.without_next} rows have no recorded next observation; their rewards mean nothing")
        if self.json:
            print_json({**asdict(made), "out": str(made.out), "manifest": str(made.manifest), "notes": [*made.notes]})
            return
        print_facts(
            {
                "layout": made.layout,
                "transitions": f"{made.rows:,}",
                "episodes": f"{made.episodes:,}",
                "copy": made.out,
                "manifest": made.manifest,
            }
        )

    def _needs_next(self) -> bool:
        from rexd.reward.files import load_reward

        return load_reward(self.reward).config.inputs == "state-next-state"
