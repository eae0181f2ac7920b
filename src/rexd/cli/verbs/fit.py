"""``rexd fit``: a reward from demonstrations."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from rexd.cli import options as opt
from rexd.cli.show.output import note, print_checks, print_facts, print_json, warn
from rexd.cli.show.progress import Progress
from rexd.files import check_writable
from rexd.reward.red.config import REDConfig

if TYPE_CHECKING:
    from rexd.demos.demonstrations import Demonstrations
    from rexd.reward.red.red import RED


@dataclass(frozen=True)
class Settings(REDConfig):
    """Settings of the reward."""

    type: Annotated[Literal["red"], tyro.conf.Suppress] = "red"


@dataclass(frozen=True)
class Command:
    """Fit a RED reward to demonstrations, check what it pays, and save it as one file.

    The checks tell whether the reward can teach: it should pay much more for expert rows that no model saw than for
    random actions in the same states, and a standstill should not pay. --env adds the action bounds, what a random
    policy and zero actions earn, and, for MuJoCo tasks, the standstill.
    Of a file larger than memory 50,000 transitions are used, drawn uniformly from those that --trajectories and
    --subsample select.

    Examples:
        rexd fit demos.npz -o reward.safetensors
        rexd fit Hopper-v2.pkl --env Hopper-v5 --trajectories 4 --subsample 20 --shape rational
        rexd fit Ant-v2.pkl --columns 0:27 --velocity-columns 13:27 --updates 2000 --seed 1
    """

    file: opt.File
    """A file, a folder, the id of a local Minari dataset, or 'bundled'."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = Path("reward.safetensors")
    """Where to write the reward; replaced if it exists."""
    velocity_columns: opt.Columns = None
    """Columns, of those kept, that are velocities, such as 5:11: the worst standstill is searched with them at zero.
    Asked of the simulator where --env names a MuJoCo task."""
    data: Annotated[opt.SelectionOptions, tyro.conf.arg(name="")] = field(default_factory=opt.SelectionOptions)
    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)
    json: bool = False
    """Print one JSON document and nothing else."""

    def run(self) -> None:
        """Fit, save and print the checks."""
        from rexd.reward.checks import warnings_of

        check_writable(self.output)
        demos = opt.select(opt.load(self.file, self.data), self.data, self.settings.seed).held(self.settings.seed)
        for text in demos.notes:
            note(text)
        with Progress() as progress:
            model = self._fit(demos, progress)
        saved = model.save(self.output)
        warnings = warnings_of(model.checks_)
        if self.json:
            for text in warnings:
                warn(text)
            print_json(
                {
                    "reward": str(saved),
                    "transitions": demos.n_transitions,
                    "sigma": model.sigma_,
                    "calibration": model.calibration_.to_dict(),
                    "dropped_columns": model.encoder_.dropped_columns,
                    "weighted_columns": model.encoder_.weighted_columns,
                    "checks": [check.to_dict() for check in model.checks_],
                    "warnings": warnings,
                }
            )
            return
        print_checks(model.checks_, warnings)
        dropped, weighted = len(model.encoder_.dropped_columns), model.encoder_.weighted_columns
        print_facts(
            {
                "fitted to": f"{demos.n_transitions:,} transitions of {len(demos)} trajectories",
                "left out": f"{dropped} columns that never vary, or tell nothing but the episode" if dropped else None,
                "weighted down": f"{', '.join(weighted)}: they tell episodes apart, or are noise" if weighted else None,
                "sigma": f"{model.sigma_:.4g}",
                "reward": saved,
            }
        )

    def _fit(self, demos: Demonstrations, progress: Progress) -> RED:
        """With an environment at hand more can be checked."""
        from rexd.reward.red.red import RED

        config, columns = REDConfig(**asdict(self.settings)), None
        if self.velocity_columns is not None:
            columns = opt.column_numbers(self.velocity_columns, demos.obs_dim)
        if self.data.env is None:
            return RED(config).fit(demos, progress.fit, velocity_columns=columns)
        from rexd.rl.training.reward_in_env import fit_in_environment

        env, arguments = self.data.env, opt.environment_arguments(self.data.env_kwargs)
        return fit_in_environment(config, demos, lambda: opt.open_environment(env, arguments), progress.fit, columns)
