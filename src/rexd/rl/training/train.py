"""Train a policy: demonstrations, then a reward, then a learner, then the loop, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.envs.factory import EnvironmentFactory
from rexd.envs.make import EnvSource, environment_name
from rexd.errors import import_extra
from rexd.reward.base import RewardModel
from rexd.reward.checks import warnings_of
from rexd.reward.controls import ConstantReward
from rexd.rl.config import TrainConfig
from rexd.rl.training.context import RunContext
from rexd.rl.training.kept import says_what_is_kept
from rexd.rl.training.observer import Observer, Silent
from rexd.rl.training.preflight import check_before_work
from rexd.rl.training.run_folder import REWARD_FILE, Run, begun_folder, load_run
from rexd.rl.training.threads import one_torch_thread


def train(
    demonstrations: Demonstrations | None,
    *,
    env: EnvSource,
    out: str | Path,
    env_kwargs: Mapping[str, Any] | None = None,
    max_episode_steps: int | None = None,
    config: TrainConfig | None = None,
    reward: RewardModel | None = None,
    resume: bool = False,
    observer: Observer | None = None,
    **settings: Any,
) -> Run:
    """Train a policy on a reward that is learnt from demonstrations.

    Args:
        demonstrations: What the expert did; 50,000 transitions are drawn from a file that is larger than memory. None
            is allowed with ``reward_source="env"`` alone.
        env: A Gymnasium id, ``module:Id``, or a callable that makes an environment. Its own reward never reaches the
            learner, except with ``reward_source="env"``.
        out: The folder of the run; it must not hold anything, unless ``resume``.
        env_kwargs: Keyword arguments of the environment.
        max_episode_steps: The number of steps after which an episode is cut off (truncated). None leaves it to the
            environment's own time limit, or to twice the longest demonstration where the environment has none.
        config: Settings; ``settings`` override its fields by name, such as ``steps=20_000, seed=1``.
        reward: A fitted reward model; None fits ``RED`` with ``config.reward``.
        resume: Whether to continue the run in ``out`` where it was killed; a run that is not there is started.
        observer: Is told of everything that happens; None for silence.
        **settings: Fields of ``TrainConfig``.

    Returns:
        The run, with its final evaluation.

    Raises:
        RexdError: Something does not fit; the message names the mend.
    """
    config = replace(config or TrainConfig(), **settings)
    import_extra("stable_baselines3", "train")
    from rexd.rl.training.comparison import Comparison
    from rexd.rl.training.learner import build_learner
    from rexd.rl.training.loop import TrainingLoop

    observer, make_env = observer or Silent(), EnvironmentFactory(env, env_kwargs or {}, max_episode_steps)
    checked = check_before_work(demonstrations, make_env, config, reward, observer.message)
    context = RunContext(config, Path(out), checked.make_env, observer)
    demonstrations, started = checked.demonstrations, time.monotonic()
    with says_what_is_kept(context.folder):
        with begun_folder(context.folder, _description(config, demonstrations, checked.make_env), resume=resume):
            if resume and _finished(context):
                return load_run(context.folder)
            model = _reward(demonstrations, reward, context)
            learner, fallback = build_learner(demonstrations, model, context)
            comparison = Comparison(context, demonstrations, model)
            loop = TrainingLoop(context, learner, model, started=started, comparison=comparison, fallback=fallback)
        with one_torch_thread() if config.algorithm == "sbx-sac" else nullcontext():
            loop.run()
    return load_run(context.folder)


def _description(
    config: TrainConfig, demonstrations: Demonstrations | None, make_env: EnvironmentFactory
) -> dict[str, Any]:
    """Return the content of the run's ``config.json``."""
    env = make_env.env
    return {
        "env": environment_name(env) if not isinstance(env, str) else env,
        "env_kwargs": dict(make_env.env_kwargs),
        "max_episode_steps": make_env.max_episode_steps,
        "train": config.to_dict(),
        "demonstrations_sha256": None if demonstrations is None else demonstrations.sha256,
        "demonstrations_source": None if demonstrations is None else demonstrations.source,
        "demonstrations_offsets": None if demonstrations is None else list(demonstrations.offsets),
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
        replays = config.algorithm != "sb3-ppo" and config.demonstration_share > 0.0
        imitating = replays and config.cloning_weight > 0.0
        observer.checks(given.checks_, warnings_of(given.checks_, settings, imitating=imitating))
    given.save(path)
    return given
