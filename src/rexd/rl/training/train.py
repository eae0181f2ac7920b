"""From demonstrations to a policy: fit or take a reward, train with it, keep the best by learned return."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.spaces import Box

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import fit_to_spaces
from rexd.envs.make import EnvSource, environment_name
from rexd.errors import RexdError, import_extra
from rexd.evaluation.policies import RandomPolicy
from rexd.evaluation.rollouts import rollout
from rexd.reward.base import RewardModel
from rexd.reward.checks import warnings_of
from rexd.reward.controls import AbsorbingReward, ConstantReward
from rexd.rl.config import TrainConfig
from rexd.rl.learners.protocol import Learner
from rexd.rl.replay.batches import DemonstrationReplay
from rexd.rl.training.fallback import Fallback
from rexd.rl.training.loop import TrainingLoop
from rexd.rl.training.observer import Observer, Silent
from rexd.rl.training.run_folder import CHECKPOINT_FILE, REWARD_FILE, Run, load_run, prepare_folder
from rexd.rl.training.threads import one_torch_thread
from rexd.rl.wrappers.scaling import ObservationScale

Env = gymnasium.Env[Any, Any]
SCALE_EPISODES = 5


def train(
    demonstrations: Demonstrations | None,
    *,
    env: EnvSource,
    out: str | Path,
    env_kwargs: Mapping[str, Any] | None = None,
    config: TrainConfig | None = None,
    reward: RewardModel | None = None,
    resume: bool = False,
    observer: Observer | None = None,
    **settings: Any,
) -> Run:
    """Train a policy on a reward learnt from demonstrations.

    Args:
        demonstrations: What the expert did; of a file larger than memory, 50,000 transitions are drawn. None only
            with ``reward_source="env"``.
        env: A Gymnasium id, ``module:Id``, or a callable that makes an environment. Its own reward never reaches the
            learner, but with ``reward_source="env"``.
        out: Folder of the run; it must not hold anything, unless ``resume``.
        env_kwargs: Arguments of the environment.
        config: Settings; ``settings`` override its fields by name, such as ``steps=20_000, seed=1``.
        reward: A fitted reward model; None fits ``RED`` with ``config.reward``.
        resume: Continue the run in ``out`` where it was killed; start it if there is none.
        observer: Told of everything; None for silence.
        **settings: Fields of ``TrainConfig``.

    Returns:
        The run, with its final evaluation.

    Raises:
        RexdError: Something does not fit; the message names the mend.
    """
    settings_of_run = replace(config or TrainConfig(), **settings)
    watch, folder = observer or Silent(), Path(out)
    make_env = _environment_maker(env, env_kwargs or {})
    demonstrations = _fitting(demonstrations, settings_of_run, make_env, watch)
    description = {
        "env": environment_name(env) if not isinstance(env, str) else env,
        "env_kwargs": dict(env_kwargs or {}),
        "train": settings_of_run.to_dict(),
        "demonstrations_sha256": None if demonstrations is None else demonstrations.sha256,
        "demonstrations_source": None if demonstrations is None else demonstrations.source,
        "demonstrations_offsets": None if demonstrations is None else list(demonstrations.offsets),
    }
    prepare_folder(folder, description, resume=resume)
    if resume and _finished(folder, settings_of_run):
        return load_run(folder)
    started = time.monotonic()
    model = _reward(demonstrations, settings_of_run, reward, folder, make_env, watch)
    learner, fallback = _learner(settings_of_run, demonstrations, model, make_env, watch, folder)
    loop = TrainingLoop(folder, settings_of_run, learner, model, make_env, watch, started, fallback)
    with one_torch_thread() if settings_of_run.algorithm == "sbx-sac" else nullcontext():
        loop.run()
    return load_run(folder)


def _finished(folder: Path, config: TrainConfig) -> bool:
    result = load_run(folder).evaluation
    return result is not None and result["steps"] >= config.steps and len(result["episodes"]) == config.final_episodes


def _environment_maker(env: EnvSource, env_kwargs: Mapping[str, Any]) -> Callable[[], Env]:
    import_extra("stable_baselines3", "train")
    from rexd.rl.wrappers.training_env import environment_factory

    return environment_factory(env, env_kwargs)


def _fitting(
    demonstrations: Demonstrations | None, config: TrainConfig, make_env: Callable[[], Env], watch: Observer
) -> Demonstrations | None:
    """The demonstrations in memory, checked against the environment's spaces and clipped to its action space."""
    if demonstrations is None:
        if config.reward_source != "env":
            raise RexdError(
                f"reward_source is {config.reward_source!r}, which needs demonstrations; only 'env' does without"
            )
        return None
    env = make_env()
    try:
        fitted = fit_to_spaces(demonstrations.held(config.seed), env.observation_space, env.action_space)
    finally:
        env.close()
    for note in fitted.notes:
        watch.message(note)
    return fitted


def _reward(
    demonstrations: Demonstrations | None,
    config: TrainConfig,
    given: RewardModel | None,
    folder: Path,
    make_env: Callable[[], Env],
    watch: Observer,
) -> RewardModel | None:
    """The reward to learn from: given, kept from before a resume, or fitted now; None for the environment's own."""
    if config.reward_source == "env" or demonstrations is None:
        return None
    if config.reward_source == "constant":
        return ConstantReward()
    path = folder / REWARD_FILE
    if given is None and path.is_file():
        from rexd.reward.files import load_reward

        return load_reward(path)
    if given is None:
        from rexd.rl.training.reward_in_env import fit_in_environment

        given = fit_in_environment(replace(config.reward, seed=config.seed), demonstrations, make_env, watch.fit)
        watch.checks(given.checks_, warnings_of(given.checks_))
    given.save(path)
    return given


def _learner(
    config: TrainConfig,
    demonstrations: Demonstrations | None,
    model: RewardModel | None,
    make_env: Callable[[], Env],
    watch: Observer,
    folder: Path,
) -> tuple[Learner, Fallback | None]:
    """The algorithm on its environment, and what to keep where a reward that was learnt teaches it nothing."""
    from rexd.rl.policies.cloning import clone
    from rexd.rl.wrappers.absorbing import add_absorbing
    from rexd.rl.wrappers.training_env import training_environment

    shown, paying = demonstrations, model
    if config.absorbing and demonstrations is not None and model is not None:
        shown = add_absorbing(demonstrations)
        paying = model if config.reward_source == "constant" else AbsorbingReward(model, demonstrations)
    scale = _random_scale(make_env, config) if shown is None else ObservationScale.of(shown)
    off_policy = config.algorithm != "sb3-ppo"
    venv = training_environment(
        make_env, paying, scale, absorbing=config.absorbing, in_blocks=off_policy, copies=config.environments
    )
    space = venv.action_space
    replay = None
    if shown is not None and paying is not None and off_policy:
        if not isinstance(space, Box):
            raise RexdError(
                f"{config.algorithm} needs continuous actions; this environment has {space}. Use algorithm='sb3-ppo'"
            )
        rewards = paying.predict_demonstrations(shown)
        replay = DemonstrationReplay.of(shown, rewards, scale, space.low, space.high)
    learner = _learner_class(config)(config, venv, scale, replay)
    if shown is None or paying is None or config.warm_start == 0:
        return learner, None
    bounds = (space.low, space.high) if isinstance(space, Box) else shown.act_dim
    fit = partial(clone, shown, action_space=bounds, seed=config.seed, squashed=off_policy)
    if not (folder / CHECKPOINT_FILE).is_file():
        watch.message(f"cloning the demonstrations for {config.warm_start} updates before training")
        learner.warm_start(fit(updates=config.warm_start))
    if replay is None or config.cloning_weight == 0.0 or config.reward_source != "learned":
        return learner, None  # a control is what it learns
    return learner, Fallback(fit, float(replay.reward.mean()))


def _random_scale(make_env: Callable[[], Env], config: TrainConfig) -> ObservationScale:
    """Without demonstrations, observations are standardised by what a random policy sees."""
    env = make_env()
    policy = RandomPolicy(env.action_space, config.seed)
    env.close()
    scale = ObservationScale.of(Demonstrations(tuple(rollout(make_env, policy, SCALE_EPISODES, seed=config.seed))))
    return scale.with_indicator() if config.absorbing else scale


def _learner_class(config: TrainConfig) -> Callable[..., Learner]:
    if config.algorithm == "sbx-sac":
        import_extra("sbx", "train")
        from rexd.rl.learners.sbx.learner import SbxLearner

        return SbxLearner
    from rexd.rl.learners.sb3 import learner as learner_sb3

    chosen: Callable[..., Learner] = (
        learner_sb3.Sb3SacLearner if config.algorithm == "sb3-sac" else learner_sb3.Sb3PpoLearner
    )
    return chosen
