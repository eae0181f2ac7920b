"""``rexd score``: score demonstrations with a saved reward."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from rexd.cli import options as opt
from rexd.cli.show.output import note, print_json, print_table, warn
from rexd.files import atomic_path


@dataclass(frozen=True)
class Command:
    """Score demonstrations with a reward that rexd fit or rexd train saved.

    Transitions that the reward was fitted to are scored by the models that did not see them. A reward with a clock is
    given the time of each transition within its trajectory.

    Examples:
        rexd score reward.safetensors demos.npz
        rexd score runs/hopper/reward.safetensors Hopper-v2.pkl --env Hopper-v5 -o rewards.npz
        rexd score reward.safetensors demos.npz --plot along.svg
        rexd score reward.safetensors demos.npz --json
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
        demos = opt.select(opt.load(self.files, self.data), self.data, self.seed)
        for text in demos.notes:
            note(text)
        rewards, rows = model.predict_demonstrations(demos), demos.transitions()
        # with goals, a reward is fitted to a part of the rows, or to copies of them too
        fitted = len(model.held_out_novelty_) == len(rewards)
        held_out = fitted and demos.sha256 == model.demonstrations_sha256_
        if held_out:
            rewards = model.held_out_reward_
            note("the reward was fitted to these rows; each is scored by the model that never saw it")
        if model.config.inputs == "state-next-state" and not rows.next_known.all():
            missing = int((~rows.next_known).sum())
            warn(f"{missing} rows have no recorded next observation; their rewards mean nothing")
        parts = [rewards[rows.trajectory == number] for number in range(len(demos))]
        if self.output is not None:
            with atomic_path(self.output) as temporary, temporary.open("wb") as stream:
                np.savez(stream, rewards=rewards, trajectory=rows.trajectory)
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


def _numbers(rewards: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> tuple[str, str, str]:
    return f"{rewards.mean(dtype=float):.3f}", f"{rewards.min():.3f}", f"{rewards.max():.3f}"
