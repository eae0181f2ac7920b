"""``rexd score``: score demonstrations with a saved reward."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from rexd.cli import options as opt
from rexd.cli.show.output import note, print_json, print_table, warn
from rexd.cli.show.progress import ProgressBar
from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RexdError
from rexd.files import atomic_path

if TYPE_CHECKING:
    from rexd.reward.estimator.estimator import Estimator
    from rexd.reward.rows import Float32

PIPE = "-"  # the word for standard input


@dataclass(frozen=True)
class Command:
    """Score demonstrations with a reward that rexd fit or rexd train saved.

    Transitions that the reward was fitted to are scored by the models that did not see them. A reward with a clock is
    given the time of each transition within its trajectory. Rows are read in blocks.

    In the place of FILE, - scores what comes through standard input while it comes, and writes the rewards to standard
    output: JSON lines such as {"obs": [0.1, 0.2], "act": [0.3]} become lines {"reward": 0.5}, and an Arrow IPC stream
    with a row for each transition becomes another. A column "step", or one of ends or episodes, tells the time.

    Examples:
        rexd score reward.safetensors demos.npz
        rexd score runs/hopper/reward.safetensors Hopper-v2.pkl --env Hopper-v5 -o rewards.npz
        rexd score reward.safetensors demos.npz --plot along.svg
        rexd score reward.safetensors demos.npz --json
        rexd score reward.safetensors - < transitions.jsonl > rewards.jsonl
    """

    reward: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="REWARD")]
    """A file with a reward, such as reward.safetensors."""
    files: opt.Files = ()
    """Files, folders, patterns in quotes ('episodes/*.npz'), ids of local Minari datasets, or 'bundled' for the
    demonstrations that rexd ships. The files of a folder that is no dataset are read in the order of their numbers."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """Npz file to write the arrays 'rewards' and 'trajectory' (the number of each row's trajectory) to."""
    plot: opt.Plot = None
    """Draw the reward along each trajectory, the first eight of them, into this file (svg, png or pdf)."""
    data: Annotated[opt.SelectionOptions, tyro.conf.arg(name="")] = field(default_factory=opt.SelectionOptions)
    seed: int = 0
    """Seed of the random offsets of --subsample. The seed of the fit selects the same rows."""
    json: bool = False
    """Print the results as one JSON document."""

    def run(self) -> None:
        """Score the transitions, and print a summary for each trajectory."""
        from rexd.reward.files import load_reward

        if self.plot is not None:
            opt.check_plot(self.plot)
        model = load_reward(self.reward)
        if self.files == (PIPE,):
            self._pipe(model)
            return
        with TemporaryDirectory(prefix="rexd-") as scratch:
            demos = opt.select(self._load(Path(scratch)), self.data, self.seed)
            for text in demos.notes:
                note(text)
            rewards, missing = _scored(model, demos)
        # with goals, a reward is fitted to a part of the rows, or to copies of them too
        fitted = len(model.held_out_novelty_) == len(rewards)
        held_out = fitted and demos.sha256 == model.demonstrations_sha256_
        if held_out:
            rewards = model.held_out_reward_
            note("the reward was fitted to these rows; each is scored by the model that never saw it")
        if model.config.inputs == "state-next-state" and missing:
            warn(f"{missing} rows have no recorded next observation; their rewards mean nothing")
        parts = np.split(rewards, np.cumsum(demos.lengths)[:-1])
        if self.output is not None:
            with atomic_path(self.output) as temporary, temporary.open("wb") as stream:
                np.savez(stream, rewards=rewards, trajectory=np.repeat(np.arange(len(demos)), demos.lengths))
        if self.plot is not None:
            from rexd.report.along import demonstrated_along, draw_along

            draw_along("The reward along demonstrations", demonstrated_along(demos, rewards)).save(self.plot)
        if self.json:
            print_json(
                {
                    "reward": str(self.reward),
                    "file": opt.named(self.files),
                    "held_out": held_out,
                    "mean": float(rewards.mean(dtype=float)),
                    "trajectories": [
                        {
                            "length": len(part),
                            "mean": float(part.mean(dtype=float)),
                            "min": float(part.min()),
                            "max": float(part.max()),
                            "return": float(part.sum(dtype=float)),
                        }
                        for part in parts
                    ],
                    "output": None if self.output is None else str(self.output),
                    "plot": None if self.plot is None else str(self.plot),
                }
            )
            return
        table = [(f"trajectory {n}", len(p), *_numbers(p)) for n, p in enumerate(parts)]
        print_table(
            ["reward a step", "steps", "mean", "min", "max"], [*table, ("all", len(rewards), *_numbers(rewards))]
        )
        for path in (self.output, self.plot):
            if path is not None:
                note(f"wrote {path}")

    def _load(self, scratch: Path) -> Demonstrations:
        """Read the files; one large npz is read in blocks, as the formats are that stream."""
        from rexd.relabel.datasets.open import large_npz

        plain = len(self.files) == 1 and replace(self.data, trajectories=None, subsample=1) == opt.SelectionOptions()
        found = large_npz(self.files[0], scratch) if plain else None
        return opt.load(self.files, self.data) if found is None else found

    def _pipe(self, model: Estimator) -> None:
        from rexd.relabel.pipe import score_stream

        if self.output is not None or self.plot is not None or self.json or self.data != opt.SelectionOptions():
            raise RexdError(
                f"only the reward and {PIPE} are given where standard input is scored; leave the other options out"
            )
        score_stream(model, sys.stdin.buffer, sys.stdout.buffer)


def _scored(model: Estimator, demos: Demonstrations) -> tuple[Float32, int]:
    """Return the rewards of all rows, which are read in blocks, and how many have no recorded next observation."""
    from rexd.cluster import cores
    from rexd.relabel.engines import Threads
    from rexd.relabel.shards import count_shards, score, span_of

    rewards, missing = np.empty(demos.n_transitions, np.float32), 0
    with ProgressBar() as bar:
        done = 0
        for number, part in Threads(partial(score, model, demos), cores()).scored(range(count_shards(len(rewards)))):
            rewards[slice(*span_of(number, len(rewards)))] = part.rewards
            missing, done = missing + part.without_next, done + len(part.rewards)
            bar.scored(done, len(rewards))
    return rewards, missing


def _numbers(rewards: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> tuple[str, str, str]:
    return f"{rewards.mean(dtype=float):.3f}", f"{rewards.min():.3f}", f"{rewards.max():.3f}"
