"""Train a policy: demonstrations, then a reward, then a learner, then the loop, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import fit_to_spaces
from rexd.envs.given import EnvLike, GivenEnvironment, given_environment
from rexd.errors import RexdError, import_extra
from rexd.reading.anything import DemonstrationsLike, demonstrations_of
from rexd.reward.base import RewardModel
from rexd.reward.checks import warnings_of
from rexd.reward.controls import ConstantReward
from rexd.rl.config import TrainConfig, TrainSettings
from rexd.rl.training.context import MakeEnv, RunContext
from rexd.rl.training.observer import Observer
from rexd.rl.training.progress_bar import watching
from rexd.rl.training.provenance import provenance
from rexd.rl.training.run_folder import REWARD_FILE, Run, load_run, prepare_folder
from rexd.rl.training.threads import one_torch_thread


def train(
    demonstrations: DemonstrationsLike | None,
    *,
    env: EnvLike,
    out: str | Path,
    env_kwargs: Mapping[str, Any] | None = None,
    config: TrainConfig | None = None,
    reward: RewardModel | None = None,
    resume: bool = False,
    observer: Observer | None = None,
    progress: bool = True,
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
        config: Settings; ``settings`` override its fields by name, such as ``steps=20_000, seed=1``.
        reward: A fitted reward model; None fits ``RED`` with ``config.reward``.
        resume: Whether to continue the run in ``out`` where it was killed; a run that is not there is started.
        observer: Is told of everything that happens, in place of the progress bar.
        progress: Whether a progress bar and a line for each evaluation are shown, which needs a terminal or a notebook.
        **settings: Fields of ``TrainConfig``.

    Returns:
        The run, with its final evaluation.

    Raises:
        RexdError: Something does not fit; the message names the mend.
    """
    config = (config or TrainConfig()).with_changes(settings)
    given = given_environment(env, env_kwargs)
    if given.shared and config.environments > 1:
        raise RexdError(
            f"environments is {config.environments}, and {given.name} is one environment that cannot be made again; "
            "give a class or a function that makes it"
        )
    with watching(observer, shown=progress, learned=config.reward_source != "env") as told:
        if given.note is not None:
            told.message(given.note)
        context = RunContext(config, Path(out), _environment_maker(given), told)
        return _run(demonstrations, given, reward, context, resume=resume)


def _run(
    demonstrations: DemonstrationsLike | None,
    given: GivenEnvironment,
    reward: RewardModel | None,
    context: RunContext,
    *,
    resume: bool,
) -> Run:
    """Go through the steps of a run, in order."""
    config = context.config
    from rexd.rl.training.learner import build_learner
    from rexd.rl.training.loop import TrainingLoop

    demonstrations = _demonstrations(demonstrations, context)
    prepare_folder(context.folder, _description(config, demonstrations, given), resume=resume)
    if resume and _finished(context):
        return load_run(context.folder)
    started = time.monotonic()
    model = _reward(demonstrations, reward, context)
    learner, fallback = build_learner(demonstrations, model, context)
    loop = TrainingLoop(context, learner, model, started=started, fallback=fallback)
    with one_torch_thread() if config.algorithm == "sbx-sac" else nullcontext():
        loop.run()
    return load_run(context.folder)


def _environment_maker(given: GivenEnvironment) -> MakeEnv:
    import_extra("stable_baselines3", "train")
    from rexd.rl.wrappers.training_env import environment_factory

    return environment_factory(given.source, given.kwargs)


def _demonstrations(demonstrations: DemonstrationsLike | None, context: RunContext) -> Demonstrations | None:
    """Read the demonstrations into memory, check them against the environment, and clip their actions to its bounds."""
    config = context.config
    if demonstrations is None:
        if config.reward_source != "env":
            raise RexdError(
                f"reward_source is {config.reward_source!r}, which needs demonstrations; only 'env' does without"
            )
        return None
    env = context.make_env()
    try:
        held = demonstrations_of(demonstrations, env=env).held(config.seed)
        fitted = fit_to_spaces(held, env.observation_space, env.action_space)
    finally:
        env.close()
    for note in fitted.notes:
        context.observer.message(note)
    return fitted


def _description(config: TrainConfig, demonstrations: Demonstrations | None, given: GivenEnvironment) -> dict[str, Any]:
    """Return the content of the run's ``config.json``."""
    return {
        "env": given.name,
        "env_kwargs": given.kwargs,
        "env_reference": given.reference,
        "train": config.to_dict(),
        "demonstrations_sha256": None if demonstrations is None else demonstrations.sha256,
        "demonstrations_source": None if demonstrations is None else demonstrations.source,
        "demonstrations_offsets": None if demonstrations is None else list(demonstrations.offsets),
        **provenance(),
    }


def _finished(context: RunContext) -> bool:
    config, result = context.config, load_run(context.folder).evaluation
    return result is not None and result["steps"] >= config.steps and len(result["episodes"]) == config.final_episodes


def _reward(
    demonstrations: Demonstrations | None, given: RewardModel | None, context: RunContext
) -> RewardModel | None:
    """Return the reward to learn from: the given one, that of the run to resume, or one that is fitted now.

    None stands for the environment's own reward.
    """
    config, observer = context.config, context.observer
    if config.reward_source == "env" or demonstrations is None:
        return None
    if config.reward_source == "constant":
        return ConstantReward()
    path = context.folder / REWARD_FILE
    if given is None and path.is_file():
        from rexd.reward.files import load_reward

        return load_reward(path)
    if given is None:
        from rexd.rl.training.reward_in_env import fit_in_environment

        settings = replace(config.reward, seed=config.seed)
        given = fit_in_environment(settings, demonstrations, context.make_env, observer.fit)
        observer.checks(given.checks_, warnings_of(given.checks_))
    given.save(path)
    return given
