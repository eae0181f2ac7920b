"""``rexd diagnose``: say whether a reward can work, before a policy is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import tyro

from rexd.cli import options as opt
from rexd.cli.estimators import options_of, replacing
from rexd.cli.show.findings import STATUSES, UNREADABLE
from rexd.cli.show.output import note, print_error, print_json
from rexd.cli.show.waiting import Waiting
from rexd.cli.verbs.fit import RewardOptions
from rexd.errors import RexdError
from rexd.reward.registry import settings_class, settings_from

if TYPE_CHECKING:
    from rexd.demos.demonstrations import Demonstrations
    from rexd.diagnosis.diagnose import Diagnosis
    from rexd.diagnosis.episodes import Step
    from rexd.diagnosis.probe import Estimator
    from rexd.envs.factory import EnvironmentFactory
    from rexd.rl.training.reward_in_env import Played

REWARD_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Command:
    """Say in seconds, before any reinforcement learning, whether a reward can work.

    The reward of the demonstrations, or one that was saved, is asked what it pays for rows of known kinds: held-out
    rows, other actions, noise, single columns, bodies at rest. With --env it is also asked about the episodes of random
    actions, of zero actions, of a clone of the demonstrations and of clones with noise, which is what learning begins
    with. The findings name the figure and the option to change; docs/diagnose.md explains them.

    The exit status is that of rexd inspect: 0 if nothing is found, 1 with warnings, 2 with errors, and 3 if there is
    nothing to diagnose since a file, the environment or an option cannot be used.

    Examples:
        rexd diagnose demos.npz --env Hopper-v5
        rexd diagnose Hopper-v2.pkl --env Hopper-v5 --trajectories 4 --subsample 20
        rexd diagnose reward.safetensors demos.npz --env Hopper-v5 --json
        rexd diagnose demos.npz --shape exponential --sigma 25 --data mixed.npz
        rexd diagnose Reacher-v2.pkl --env Reacher-v5 --columns 0:10 --goal 4:6 --relative 8:10
    """

    files: opt.Files = ()
    """Demonstrations as for rexd fit, and rewards that were saved (reward.safetensors). A reward is diagnosed on the
    demonstrations beside it, with the options that selected them. Without a reward, one is fitted."""
    against: Annotated[Path | None, tyro.conf.arg(name="data", metavar="FILE")] = None
    """A file of trajectories with rewards, of any quality: are those that the environment pays more also paid more by
    the learned reward?"""
    velocity_columns: opt.Columns = None
    """Velocity columns, counted among the columns that are kept, such as 5:11: expert states with these columns at zero
    are a probe. If --env names a MuJoCo task, the simulator tells them."""
    max_episode_steps: opt.StepLimit = None
    """With --env, cut an episode off after N steps. None: at the environment's own time limit; where it has none, after
    twice the longest demonstration."""
    thorough: bool = False
    """Also fit each reward again, with three other seeds and to a half and a quarter of the demonstrations, and say how
    much it changes. This takes five more fits."""
    data: Annotated[opt.LearningOptions, tyro.conf.arg(name="")] = field(default_factory=opt.LearningOptions)
    settings: Annotated[RewardOptions, tyro.conf.arg(name="")] = field(default_factory=RewardOptions)
    json: bool = False
    """Print the results as one JSON document."""
    estimator_option: ClassVar[str] = "--type"

    @classmethod
    def of_estimator(cls, name: str) -> type[Any]:
        """Return the command with the options of an estimator."""
        return replacing(cls, "settings", options_of(name, RewardOptions), tyro.conf.arg(name=""))

    def run(self) -> int:
        """Fit or load the rewards, and print what was found about each."""
        from rexd.inspection.data import exit_status

        try:
            with Waiting("reading") as waiting:
                found = self._diagnose(waiting.step)
        except RexdError as error:
            if self.json:
                named = {"kind": type(error).__name__, "message": str(error)}
                print_json({"files": list(self.files), "status": STATUSES[UNREADABLE], "error": named})
            print_error(error)
            return UNREADABLE
        status = exit_status(finding for each in found for finding in each.findings)
        if self.json:
            rewards = [each.to_dict() for each in found]
            print_json({"files": list(self.files), "status": STATUSES[status], "rewards": rewards})
            return status
        from rexd.cli.show.diagnosis import print_diagnosis

        for each in found:
            print_diagnosis(each, named=len(found) > 1)
        return status

    def _diagnose(self, step: Step) -> Sequence[Diagnosis]:
        from rexd.diagnosis.diagnose import diagnose, fit_for_diagnosis

        saved = [name for name in self.files if name.endswith(REWARD_SUFFIX)]
        files = [name for name in self.files if name not in saved]
        self._check(saved, files)
        models: dict[str, Estimator] = self._load(saved)
        demos = self._demonstrations(files) if files else None
        data = None if self.against is None else opt.load([str(self.against)], self.data)
        played = self._play(demos, step)
        velocities = None if played is None else played.velocities
        if self.velocity_columns is not None and demos is not None:
            velocities = opt.column_numbers(self.velocity_columns, demos.obs_dim)
        if not models and demos is not None:
            config = settings_from(asdict(self.settings))
            models = {config.type: fit_for_diagnosis(config, demos, played, velocities, step)}
        return diagnose(
            models,
            demos,
            played=played,
            velocities=velocities,
            data=data,
            thorough=self.thorough,
            seed=self.settings.seed,
            step=step,
        )

    def _check(self, saved: Sequence[str], files: Sequence[str]) -> None:
        """Refuse options that would have no effect."""
        if not saved:
            opt.is_bundled(files)  # refuses a command that names nothing
        elif settings_class("red").from_dict({"seed": self.settings.seed}).to_dict() != asdict(self.settings):
            raise RexdError(
                f"{saved[0]} is fitted already, with settings of its own; leave out the options of a fit, or the reward"
            )
        if self.max_episode_steps is not None and self.data.env is None:
            raise RexdError("--max-episode-steps is for episodes in an environment; give one, such as --env Hopper-v5")
        if self.thorough and not files:
            raise RexdError("--thorough fits the reward again, to its demonstrations; name their file too")
        if self.velocity_columns is not None and not files:
            raise RexdError("--velocity-columns is for probes that are made of demonstrations; name their file too")

    def _load(self, saved: Sequence[str]) -> dict[str, Any]:
        from rexd.reward.files import load_reward

        return {name: load_reward(name) for name in saved}

    def _demonstrations(self, files: Sequence[str]) -> Demonstrations:
        from rexd.diagnosis.diagnose import check_columns

        demos = opt.select_with_goals(opt.load(files, self.data), self.data, self.settings.seed).held(
            self.settings.seed
        )
        check_columns(demos)  # before anything is played or fitted
        for text in demos.notes:
            note(text)
        if self.data.env is None and demos.env_id is not None:
            note(f"--env {demos.env_id} plays a clone of the demonstrations, and looks at what the reward pays it")
        return demos

    def _play(self, demos: Demonstrations | None, step: Step) -> Played | None:
        if self.data.env is None:
            return None
        make_env = self._player(demos)
        from rexd.diagnosis.episodes import play
        from rexd.envs.guarded import check_start

        probe = make_env()
        try:
            check_start(probe, self.settings.seed)
        finally:
            probe.close()
        return play(demos, make_env, self.settings.seed, step)

    def _player(self, demos: Demonstrations | None) -> EnvironmentFactory:
        assert self.data.env is not None
        arguments = opt.environment_arguments(self.data.env_kwargs)
        longest = None if demos is None else demos.longest
        return opt.player(self.data.env, arguments, self.max_episode_steps, longest=longest)
