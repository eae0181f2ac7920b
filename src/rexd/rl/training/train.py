"""Train a policy: demonstrations, then a reward, then a learner, then the loop, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.goals import Goals
from rexd.demos.other_goals import goals_of, with_other_goals
from rexd.envs.factory import EnvironmentFactory
from rexd.envs.given import EnvLike, GivenEnvironment, given_environment
from rexd.errors import RexdError, import_extra
from rexd.reading.anything import DemonstrationsLike
from rexd.reward.base import RewardModel
from rexd.reward.checks import warnings_of
from rexd.reward.controls import ConstantReward
from rexd.reward.estimator.estimator import Estimator
from rexd.rl.config import SBX, TrainConfig, TrainSettings
from rexd.rl.learners.sbx.threads import one_torch_thread
from rexd.rl.observers.observer import Observer
from rexd.rl.observers.progress_bar import watching
from rexd.rl.training.adapted import adapted
from rexd.rl.training.context import RunContext
from rexd.rl.training.kept import says_what_is_kept
from rexd.rl.training.preflight import check_before_work
from rexd.rl.training.provenance import provenance
from rexd.rl.training.run_folder import REWARD_FILE, Run, begun_folder, load_run, locked_folder

if TYPE_CHECKING:
    from rexd.rl.training.reward_in_env import Examine, Played


def train(
    demonstrations: DemonstrationsLike | None,
    *,
    env: EnvLike,
    out: str | Path,
    env_kwargs: Mapping[str, Any] | None = None,
    max_episode_steps: int | None = None,
    config: TrainConfig | None = None,
    reward: RewardModel | None = None,
    resume: bool = False,
    observer: Observer | None = None,
    progress: bool = True,
    examine: Examine | None = None,
    **settings: Unpack[TrainSettings],
) -> Run:
    """Train a policy on a reward that is learnt from demonstrations.

    Args:
        demonstrations: What the expert did: ``Demonstrations``; a path, or ``"bundled"``; a pair ``(observations,
            actions)`` of arrays; or anything else that ``rexd.reading.anything.demonstrations_of`` takes. 50,000
            transitions are drawn from a file that is larger than memory. None is allowed with ``reward_source="env"``
            alone.
        env: A Gymnasium id, ``module:Id``, ``module:ClassName``, a class or another callable that makes an environment,
            an environment, or the ``spec`` of one. Its own reward never reaches the learner, except with
            ``reward_source="env"``. An environment that is given is never closed. It is made again from its spec; one
            that has no spec is used itself, in turns: an evaluation resets it, and the training episode under way is
            cut off (truncated). Evaluations are seeded as they always are, each with the same episodes; training
            takes the seed of each episode after such a cut from a generator that the run's seed begins, so that a run
            is as reproducible as the environment's ``reset(seed=...)``, but another run than with a class.
        out: The folder of the run; it must not hold anything, unless ``resume``.
        env_kwargs: Keyword arguments of the environment, for an id or a callable.
        max_episode_steps: The number of steps after which an episode is cut off (truncated). None leaves it to the
            environment's own time limit, or to twice the longest demonstration where the environment has none.
        config: Settings; ``settings`` override its fields by name, such as ``steps=20_000, seed=1``.
        reward: A fitted reward model; None fits one with ``config.reward``.
        resume: Whether to continue the run in ``out`` where it was killed; a run that is not there is started.
        observer: Is told of everything that happens, in place of the progress bar.
        progress: Whether a progress bar and a line for each evaluation are shown, which needs a terminal or a notebook.
        examine: Is called once, before any reinforcement learning, where a fitted reward is learnt from: with the
            reward, the demonstrations in memory, and what the fit played in the environment (None where the reward is
            given). Where it returns false, no learning begins; the run is kept, and ``resume`` goes on with it.
        **settings: Fields of ``TrainConfig``.

    Returns:
        The run, with its final evaluation unless ``examine`` ended it.

    Raises:
        RexdError: Something does not fit; the message names the mend.
    """
    config = (config or TrainConfig()).with_changes(settings)
    import_extra("stable_baselines3", "train")
    given = given_environment(env, env_kwargs)
    if given.shared and config.environments > 1:
        raise RexdError(
            f"environments is {config.environments}, and {given.name} is one environment that cannot be made again; "
            "give a class or a function that makes it"
        )
    make_env = EnvironmentFactory(given.source, given.kwargs, max_episode_steps)
    with watching(observer, shown=progress, learned=config.reward_source != "env") as told:
        if given.note is not None:
            told.message(given.note)
        checked = check_before_work(demonstrations, make_env, config, reward, told.message)
        goals = None if checked.demonstrations is None else goals_of(checked.demonstrations)
        context = RunContext(checked.config, Path(out), checked.make_env, told, checked.observations, goals)
        description = _description(checked.config, checked.demonstrations, given, checked.make_env, goals)
        with says_what_is_kept(context.folder), locked_folder(context.folder):
            return _run(checked.demonstrations, reward, context, description, examine, resume=resume)


def _run(
    demonstrations: Demonstrations | None,
    given: RewardModel | None,
    context: RunContext,
    description: Mapping[str, Any],
    examine: Examine | None,
    *,
    resume: bool,
) -> Run:
    """Go through the steps of a run, in order."""
    from rexd.rl.training.comparison import Comparison
    from rexd.rl.training.learner import build_learner
    from rexd.rl.training.loop import TrainingLoop

    started = time.monotonic()
    with begun_folder(context.folder, description, resume=resume):
        if resume and _finished(context):
            return load_run(context.folder)
        shown = None if demonstrations is None else with_other_goals(demonstrations)
        if shown is not None and shown is not demonstrations:
            context.observer.message(shown.notes[-1])
        model, played, goes_on = _reward(demonstrations, given, context, examine)
        if not goes_on:
            return load_run(context.folder)
        context = adapted(context, demonstrations, model)
        built = build_learner(shown, model, context, played)
        comparison = Comparison(context, demonstrations, model)
        loop = TrainingLoop(context, built, model, started=started, comparison=comparison)
    with one_torch_thread() if context.config.algorithm in SBX else nullcontext():
        loop.run()
    return load_run(context.folder)


def _description(
    config: TrainConfig,
    demonstrations: Demonstrations | None,
    given: GivenEnvironment,
    make_env: EnvironmentFactory,
    goals: Goals | None,
) -> dict[str, Any]:
    """Return the content of the run's ``config.json``."""
    return {
        "env": given.name,
        "env_kwargs": given.kwargs,
        "env_reference": given.reference,
        "max_episode_steps": make_env.max_episode_steps,
        "train": config.to_dict(),
        "demonstrations_sha256": None if demonstrations is None else demonstrations.sha256,
        "demonstrations_source": None if demonstrations is None else demonstrations.source,
        **({} if goals is None else {"goals": goals.to_dict()}),
        "demonstrations_offsets": None if demonstrations is None else list(demonstrations.offsets),
        **provenance(),
    }


def _finished(context: RunContext) -> bool:
    config, result = context.config, load_run(context.folder).evaluation
    return result is not None and result["steps"] >= config.steps and len(result["episodes"]) == config.final_episodes


def _reward(
    demonstrations: Demonstrations | None, given: RewardModel | None, context: RunContext, examine: Examine | None
) -> tuple[RewardModel | None, Played | None, bool]:
    """Return the reward to learn from: the given one, that of the run to resume, or one that is fitted now.

    None stands for the environment's own reward. The second value is what was played for a fit, and the third
    whether the run goes on with the reward.
    """
    config, observer = context.config, context.observer
    if config.reward_source == "env" or demonstrations is None:
        return None, None, True
    if config.reward_source == "constant":
        return ConstantReward().fit(demonstrations), None, True
    path, played = context.folder / REWARD_FILE, None
    resumed = path.is_file()
    if given is None and resumed:
        from rexd.reward.files import load_reward

        return load_reward(path), None, True
    if given is None:
        from rexd.rl.training.reward_in_env import fit_in_environment

        settings = config.reward.with_changes({"seed": config.seed})
        given, played = fit_in_environment(settings, demonstrations, context.make_env, observer.fit)
        replays = config.algorithm != "sb3-ppo" and config.demonstration_share > 0.0
        imitating = replays and config.cloning_weight > 0.0
        observer.checks(given.checks_, warnings_of(given.checks_, settings, imitating=imitating))
    goes_on = True
    if examine is not None and not resumed and config.reward_source == "learned" and isinstance(given, Estimator):
        goes_on = examine(given, demonstrations, played)
    given.save(path)  # after the examination, so that a run which was killed in it is examined when it is resumed
    return given, played, goes_on
