"""``rexd fit``: fit a reward to demonstrations."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

from rexd.cli import options as opt
from rexd.cli.estimators import options_of, replacing
from rexd.cli.show.output import note, print_checks, print_facts, print_json, warn
from rexd.cli.show.progress import ProgressBar
from rexd.errors import RexdError
from rexd.files import check_writable
from rexd.reward.red.config import REDConfig

if TYPE_CHECKING:
    from rexd.demos.demonstrations import Demonstrations
    from rexd.reward.encoder import Encoder
    from rexd.reward.estimator.estimator import Estimator


@dataclass(frozen=True)
class RewardOptions(REDConfig):
    """Settings of the reward."""

    type: Literal["red"] = "red"  # with ``of_estimator``, any of their names
    """Estimator of the expert's support: red, or one of its rivals nearest-neighbour, autoencoder, kernel-pca and pwil
    (docs/rivals.md). The help shows the options of the one that is named."""


@dataclass(frozen=True)
class Command:
    """Fit a reward to demonstrations, check it, and save it as one file.

    The checks show whether a policy can learn from the reward. It should be much higher for expert transitions that
    were held out than for random actions in the same states, and low for standing still. With --env the bounds of the
    actions are known, and the checks also score a random policy, zero actions and, for MuJoCo tasks, the standstill
    with the highest reward.

    If the file is larger than memory, 50,000 transitions are drawn uniformly from those that
    the options --trajectories and --subsample select.

    Examples:
        rexd fit demos.npz -o reward.safetensors
        rexd fit Hopper-v2.pkl --env Hopper-v5 --trajectories 4 --subsample 20 --shape rational
        rexd fit episodes/ --env Hopper-v5
        rexd fit demos.npz --type nearest-neighbour --k 5
        rexd fit Ant-v2.pkl --columns 0:27 --velocity-columns 13:27 --updates 2000 --seed 1
    """

    files: opt.Files = ()
    """Files, folders, patterns in quotes ('episodes/*.npz'), ids of local Minari datasets, or 'bundled' for the
    demonstrations that rexd ships. The files of a folder that is no dataset are read in the order of their numbers."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = Path("reward.safetensors")
    """File to write the reward to. An existing file is replaced."""
    velocity_columns: opt.Columns = None
    """Velocity columns, counted among the columns that are kept, such as 5:11. The standstill with the highest reward
    is searched with these columns at zero. If --env names a MuJoCo task, the simulator tells them."""
    max_episode_steps: opt.StepLimit = None
    """With --env, cut an episode of the checks off after N steps. None: at the environment's own time limit; where it
    has none, after twice the longest demonstration."""
    data: Annotated[opt.LearningOptions, tyro.conf.arg(name="")] = field(default_factory=opt.LearningOptions)
    settings: Annotated[RewardOptions, tyro.conf.arg(name="")] = field(default_factory=RewardOptions)
    json: bool = False
    """Print the results as one JSON document."""
    estimator_option: ClassVar[str] = "--type"

    @classmethod
    def of_estimator(cls, name: str) -> type[Any]:
        """Return the command with the options of an estimator."""
        return replacing(cls, "settings", options_of(name, RewardOptions), tyro.conf.arg(name=""))

    def run(self) -> None:
        """Fit the reward, save it, and print its checks."""
        from rexd.inspection.data.looks.columns import lost_columns
        from rexd.inspection.data.strides import subsampled_findings
        from rexd.reward.checks import warnings_of

        if self.max_episode_steps is not None and self.data.env is None:
            raise RexdError("--max-episode-steps is for checks in an environment; give one, such as --env Hopper-v5")
        check_writable(self.output)
        chosen = opt.select_with_goals(opt.load(self.files, self.data), self.data, self.settings.seed)
        for found in subsampled_findings(chosen):
            warn(f"{found.message}; choose {found.mend}")
        demos = chosen.held(self.settings.seed)
        for text in demos.notes:
            note(text)
        for found in [] if demos.image else lost_columns(demos):
            warn(f"{found.message}; {found.mend}")
        with ProgressBar() as progress:
            model = self._fit(demos, progress)
        saved = model.save(self.output)
        warnings = warnings_of(model.checks_, model.config)
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
        dropped = len(model.encoder_.dropped_columns)
        print_facts(
            {
                "fitted to": f"{demos.n_transitions:,} transitions of {len(demos)} trajectories",
                "left out": f"{dropped} columns that never vary, or tell nothing but the episode" if dropped else None,
                "weighted down": _weighted(model.encoder_),
                "sigma": f"{model.sigma_:.4g}",
                "reward": saved,
            }
        )

    def _fit(self, demos: Demonstrations, progress: ProgressBar) -> Estimator:
        """Fit the reward; with an environment more can be checked."""
        from rexd.reward.registry import estimator, settings_from

        config, columns = settings_from(asdict(self.settings)), None
        if self.velocity_columns is not None:
            columns = opt.column_numbers(self.velocity_columns, demos.obs_dim)
        if self.data.env is None:
            return estimator(config).fit(demos, progress.fit, velocity_columns=columns)
        from rexd.envs.guarded import check_start
        from rexd.rl.training.reward_in_env import fit_in_environment

        arguments = opt.environment_arguments(self.data.env_kwargs)
        make_env = opt.player(self.data.env, arguments, self.max_episode_steps, longest=demos.longest)
        probe = make_env()
        try:
            check_start(probe, config.seed)  # before the reward is fitted, which takes minutes
        finally:
            probe.close()
        model, _ = fit_in_environment(config, demos, make_env, progress.fit, columns)
        return model


def _weighted(encoder: Encoder) -> str | None:
    """Tell to which factors columns are weighted down, and what was measured; None where no column is."""
    weighted = set(encoder.weighted_columns)
    factors = {n: f for n, f in zip(encoder.columns.names, encoder.relevance.tolist(), strict=True) if n in weighted}
    if not factors:
        return None
    measured = []
    if any(name.startswith("action[") for name in factors):
        measured.append(
            "actions by how well the state predicts them in held-out trajectories (R² squared, at least 0.1)"
        )
    if any(not name.startswith("action[") for name in factors):
        measured.append("columns by the share of their variance that lies within trajectories (squared)")
    return f"{', '.join(f'{name} to {factor:.2g}' for name, factor in factors.items())}: {'; '.join(measured)}"
