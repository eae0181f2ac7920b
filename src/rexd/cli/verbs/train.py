"""``rexd train``: train a policy from demonstrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

from rexd.cli import Interrupted
from rexd.cli import options as opt
from rexd.cli.after_training import write_run_page
from rexd.cli.before_training import Examination
from rexd.cli.estimators import options_of, replacing
from rexd.cli.show.findings import STATUSES
from rexd.cli.show.output import print_error, print_json
from rexd.cli.show.progress import ProgressBar
from rexd.cli.show.run import report
from rexd.cluster import address_of
from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RexdError, import_extra
from rexd.reward.red.config import REDConfig
from rexd.rl.config import Algorithm, RewardSource, TrainConfig

if TYPE_CHECKING:
    from rexd.reward.base import RewardModel
    from rexd.rl.training.run_folder import Run

SOURCES: tuple[RewardSource, ...] = ("env", "constant", "adversarial")


@dataclass(frozen=True)
class RewardOptions(REDConfig):
    """Settings of the reward model, if it is fitted and not loaded."""

    type: Literal["red"] = "red"  # with ``of_estimator``, any of their names
    """Estimator of the expert's support: red, or one of its rivals nearest-neighbour, autoencoder, kernel-pca and pwil
    (docs/rivals.md). The help shows the options of the one that is named."""
    seed: Annotated[int, tyro.conf.Suppress] = 0  # the seed of the training replaces it


@dataclass(frozen=True)
class TrainingOptions(TrainConfig):
    """Settings of the training."""

    algorithm: Annotated[Algorithm, tyro.conf.arg(metavar="NAME")] = "auto"  # all names would not fit a line
    reward_source: Annotated[RewardSource, tyro.conf.Suppress] = "learned"  # --reward sets it
    reward: RewardOptions = field(default_factory=RewardOptions)


@dataclass(frozen=True)
class Command:
    """Fit a reward to demonstrations, and train a policy on it.

    The environment's own reward is recorded, and no policy learns from it (except with --reward env). The run folder
    holds the reward, the policy with the highest learned return, metrics, a checkpoint and the final evaluation. After
    Ctrl-C or a crash the same command with --resume continues the run.

    No GPU is needed. The reward and the learners of Stable-Baselines3 run on the CPU in any case; sbx-sac computes its
    actions and updates where jax does, which is a GPU only if a jax with CUDA is installed.

    If the file is larger than memory, 50,000 transitions are drawn uniformly from those that
    the options --trajectories and --subsample select.

    Examples:
        rexd train bundled --env HalfCheetah-v5 --subsample 20 --steps 20000
        rexd train Hopper-v2.pkl --env Hopper-v5 --trajectories 4 --subsample 20 --steps 100000 --out runs/hopper
        rexd train Ant-v2.pkl --columns 0:27 --env Ant-v5 --env-kwargs include_cfrc_ext_in_observation=false
        rexd train episodes/ --env Hopper-v5 --steps 20000
        rexd train demos.npz --reward reward.safetensors --seed 1
        rexd train demos.npz --env Hopper-v5 --reward.type pwil
        rexd train demos.npz --env Hopper-v5 --out runs/hopper --seeds 0-4 --jobs 2
        rexd train --reward env --env Hopper-v5 --steps 1000000 --entropy-coefficient 1 --backup-entropy
    """

    files: opt.Files = ()
    """Files, folders, patterns in quotes ('episodes/*.npz'), ids of local Minari datasets, or 'bundled' for the
    demonstrations that rexd ships. The files of a folder that is no dataset are read in the order of their numbers.
    They may be left out with --reward env."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder of the run. None: runs/<env>-seed<seed>, and runs/<env> with --seeds."""
    resume: bool = False
    """Continue the run in the folder, or start it if the folder holds none."""
    reward: Annotated[str | None, tyro.conf.arg(metavar="FILE|env|constant|adversarial")] = None
    """File of a reward that rexd fit saved. None: a reward is fitted. env: the environment's own reward, to train
    experts and upper bounds. constant: 1 for demonstrations and 0 for the policy, as a control. adversarial: the reward
    of a discriminator that is trained against the policy."""
    max_episode_steps: opt.StepLimit = None
    """Cut an episode off after N steps. None: at the environment's own time limit; where it has none, after twice the
    longest demonstration."""
    seeds: Annotated[str | None, tyro.conf.arg(metavar="A-B")] = None
    """Train with each of these seeds, such as 0-4 or 0,3,7, in a process of its own; the run of seed K is the folder
    seedK in --out, and a table sums up all of them."""
    jobs: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Number of seeds at a time, each with one thread on its own core. None: one for each core."""
    ray: opt.Cluster = None
    """Train the seeds on the Ray cluster at ADDRESS, whose machines share the files; without ADDRESS a cluster of this
    machine is started. Put it last."""
    strict: bool = False
    """Stop before the training where the diagnosis of the reward has warnings (exit status 1) or errors (2); the run
    folder keeps the reward and the diagnosis, and --resume without --strict trains on it."""
    data: Annotated[opt.LearningOptions, tyro.conf.arg(name="")] = field(default_factory=opt.LearningOptions)
    settings: Annotated[TrainingOptions, tyro.conf.arg(name="")] = field(default_factory=TrainingOptions)
    json: bool = False
    """Print the results as one JSON document."""
    estimator_option: ClassVar[str] = "--reward.type"

    @classmethod
    def of_estimator(cls, name: str) -> type[Any]:
        """Return the command with the options of an estimator."""
        reward = options_of(name, RewardOptions, seed=Annotated[int, tyro.conf.Suppress])
        return replacing(cls, "settings", replacing(TrainingOptions, "reward", reward), tyro.conf.arg(name=""))

    def run(self) -> int:
        """Load the demonstrations, train, and print the final evaluation."""
        if self.seeds is not None:
            return self._run_seeds()
        if self.jobs is not None or self.ray is not None:
            raise RexdError("--jobs and --ray belong to --seeds; give the seeds too, such as --seeds 0-4")
        config = self._config()
        if self.strict and config.reward_source != "learned":
            raise RexdError(
                f"--strict stops at what is found about a reward that was fitted and is learnt from; --reward "
                f"{config.reward_source} has none. Leave out one of the two"
            )
        if not self.files and config.reward_source != "env":
            raise RexdError("no demonstration file is given; only --reward env trains without one")
        whole = opt.load(self.files, self.data) if self.files else None
        env = opt.chosen_environment(self.data.env, whole)
        out = self.out or Path("runs") / f"{file_name(env)}-seed{config.seed}"
        examination = Examination(out, strict=self.strict)
        if self.resume and examination.stops:
            return self._stopped(examination, out, env)
        chosen = None if whole is None else opt.select_with_goals(whole, self.data, config.seed)
        run = train_watched(
            chosen,
            env=env,
            env_kwargs=opt.environment_arguments(self.data.env_kwargs),
            out=out,
            max_episode_steps=self.max_episode_steps,
            config=config,
            reward=self._reward_model(config),
            resume=self.resume,
            examination=examination,
        )
        if examination.stops:
            return self._stopped(examination, out, env)
        # A subsampled trajectory has only part of its return, and the table shows the whole return.
        returns = None if whole is None else _used(whole, self.data).returns
        report(run, returns, as_json=self.json)
        write_run_page(run, whole, chosen, returns)
        return 0

    def _stopped(self, examination: Examination, out: Path, env: str) -> int:
        """Say that the run ends before its training, and return the exit status."""
        found, status = examination.kept(), examination.status
        if self.json:
            print_json({"run": str(out), "env": env, "status": STATUSES[status], "diagnosis": found})
        print_error(
            f"--strict: no training begins, since the diagnosis of the reward has {STATUSES[status]}; {out} keeps it, "
            "and the same command with --resume and without --strict trains on this reward"
        )
        return status

    def _run_seeds(self) -> int:
        from rexd.cli.seeds.train import train_seeds

        import_extra("gymnasium", "train")
        out = self.out
        if out is None:
            env = self.data.env or opt.chosen_environment(None, opt.load(self.files, self.data) if self.files else None)
            out = Path("runs") / file_name(env)
        return train_seeds(
            self.seeds or "", out, jobs=self.jobs, ray=address_of(self.ray), resume=self.resume, as_json=self.json
        )

    def _config(self) -> TrainConfig:
        source = next((name for name in SOURCES if name == self.reward), "learned")
        return TrainConfig.from_dict({**asdict(self.settings), "reward_source": source})

    def _reward_model(self, config: TrainConfig) -> RewardModel | None:
        if self.reward is None or config.reward_source != "learned":
            return None
        from rexd.reward.files import load_reward

        return load_reward(self.reward)


def _used(whole: Demonstrations, options: opt.SelectionOptions) -> Demonstrations:
    return whole if options.trajectories is None else whole.first(options.trajectories)


def file_name(env: str) -> str:
    """Return the id of an environment in a form that can be the name of a folder."""
    return env.rpartition(":")[2].replace("/", "-")


def train_watched(
    demos: Demonstrations | None,
    *,
    env: str,
    env_kwargs: Mapping[str, Any],
    out: Path,
    config: TrainConfig,
    max_episode_steps: int | None = None,
    reward: RewardModel | None = None,
    resume: bool = False,
    resume_command: list[str] | None = None,
    examination: Examination | None = None,
) -> Run:
    """Train with a progress bar.

    The arguments are those of ``rexd.train``; ``resume_command``: the words after ``rexd`` that continue the run; and
    ``examination``: what diagnoses the reward.

    Raises:
        Interrupted: Ctrl-C after the run folder was begun, so that the run can be continued.
    """
    import_extra("gymnasium", "train")
    from rexd.rl.training.run_folder import CONFIG_FILE
    from rexd.rl.training.train import train

    try:
        with ProgressBar(learned=config.reward_source != "env") as progress:
            examine = None if examination is None else partial(examination.examine, console=progress.console)
            return train(
                demos,
                env=env,
                out=out,
                env_kwargs=env_kwargs,
                max_episode_steps=max_episode_steps,
                config=config,
                reward=reward,
                resume=resume,
                observer=progress,
                examine=examine,
            )
    except KeyboardInterrupt:
        if not (out / CONFIG_FILE).is_file():
            raise
        raise Interrupted(out, resume_command) from None
