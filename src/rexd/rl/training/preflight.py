"""What is checked before a run makes its folder: settings, demonstrations and environment, in seconds and not hours."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gymnasium.spaces import Box, MultiBinary, Space

from rexd.configs import Settings
from rexd.demos.choices import factors_of
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import action_count, fit_to_spaces
from rexd.demos.states_alone import check_inputs
from rexd.envs.factory import EnvironmentFactory
from rexd.envs.guarded import check_start
from rexd.envs.time_limit import limit_of
from rexd.errors import RexdError, SpaceMismatchError
from rexd.flattening import Flattening, is_image
from rexd.inspection.data.looks.columns import lost_columns
from rexd.inspection.data.strides import subsampled_findings
from rexd.reading.anything import DemonstrationsLike, demonstrations_of
from rexd.rl.config import SBX, TrainConfig
from rexd.rl.training.labels import EVERY, labels_states

MOST_COMBINATIONS = 256
"""Largest number of combinations of several discrete choices that sbx-sac-discrete values."""


@dataclass(frozen=True)
class Checked:
    """What a run can begin with.

    Attributes:
        demonstrations: The demonstrations in memory, with actions within the bounds; None if the run has none.
        make_env: Makes the environment, whose episodes end.
        config: The settings, with an algorithm that was chosen for the environment's actions where they say ``auto``.
        observations: How the environment's own observations become columns; None where they are one array of numbers.
    """

    demonstrations: Demonstrations | None
    make_env: EnvironmentFactory
    config: TrainConfig
    observations: Flattening | None


def check_before_work(
    demonstrations: DemonstrationsLike | None,
    make_env: EnvironmentFactory,
    config: TrainConfig,
    reward: Any,
    say: Callable[[str], None],
) -> Checked:
    """Check everything that a run needs, and decide after how many steps its episodes end.

    Args:
        demonstrations: What the expert did.
        make_env: Makes the environment; its ``max_episode_steps`` is what the user asks for.
        config: Settings of the run.
        reward: What is given as the reward model; None fits one.
        say: Is told what was done to the demonstrations, of a stride that leaves out a part of a cycle, and of a time
            limit that was put around the environment.

    Raises:
        RexdError: Something does not fit; nothing was written.
    """
    check_reward_model(reward)
    check_stateful(config, reward)
    if demonstrations is None and config.reward_source != "env":
        raise RexdError(
            f"reward_source is {config.reward_source!r}, which needs demonstrations; only 'env' does without"
        )
    env = replace(make_env, max_episode_steps=None)()
    try:
        if is_image(env.observation_space):
            raise SpaceMismatchError(
                f"the environment shows images of shape {env.observation_space.shape}, and rexd trains no policy on "
                "pixels. Fit the reward with rexd.RED, and pay it in your own training loop with rexd.RewardWrapper or "
                "rexd.RewardVecEnv; or clone the demonstrations (rexd.rl.policies.cloning.clone); or train "
                "on the task's states"
            )
        fitted, longest = None, None
        if demonstrations is not None:
            whole = demonstrations_of(demonstrations, env=env)
            longest = whole.longest
            for found in subsampled_findings(whole):
                say(f"warning: {found.message}; choose {found.mend}")
            fitted = fit_to_spaces(whole.held(config.seed), env.observation_space, env.action_space)
            for note in fitted.notes:
                say(note)
            for found in [] if fitted.image else lost_columns(fitted):
                say(f"warning: {found.message}; {found.mend}")
        config = with_algorithm(config, env.action_space)
        if fitted is not None and not fitted.has_actions:
            say(check_states_alone(fitted, config, reward))
        flattening = Flattening.of(env.observation_space)
        limit = limit_of(env, make_env.max_episode_steps, longest=longest)
        check_start(env, config.seed)
    finally:
        env.close()
    if limit.note is not None:
        say(limit.note)
    observations = None if flattening.plain else flattening
    return Checked(fitted, replace(make_env, max_episode_steps=limit.steps), config, observations)


def check_states_alone(demonstrations: Demonstrations, config: TrainConfig, reward: Any) -> str:
    """Check that a run can learn from demonstrations without actions, and return what it does with them.

    Raises:
        RexdError: The reward looks at actions, or nothing else than actions could teach.
    """
    labelled = labels_states(config, demonstrations)
    found = f"{demonstrations.source}: there are no actions"
    if config.reward_source == "adversarial":
        raise RexdError(
            f"{found}, and the discriminator compares those of the demonstrations with the agent's; use the learned "
            "reward with inputs that need none (--reward.inputs state-next-state)"
        )
    if config.reward_source == "constant" and not labelled:
        raise RexdError(
            f"{found}, so that no demonstration is replayed, and a constant reward teaches nothing else; let an "
            "inverse model label them (inverse_model=True, more than 1,000 steps of SAC), or use the learned reward"
        )
    if config.reward_source == "learned":
        settings = config.reward if reward is None else getattr(reward, "config", None)
        check_inputs(demonstrations, getattr(settings, "inputs", ""))
    if labelled:
        return (
            f"the demonstrations have no actions: from step {EVERY:,} on, a model of the agent's own steps labels "
            "them, and they are then replayed and cloned"
        )
    return "the demonstrations have no actions: none is replayed or cloned, and the reward alone teaches"


def with_algorithm(config: TrainConfig, space: Space[Any]) -> TrainConfig:
    """Return the settings with an algorithm that takes the actions of an environment; ``auto`` chooses one.

    Raises:
        RexdError: The algorithm that is asked for does not take them, or there are too many.
        SpaceMismatchError: Actions have no finite bounds, so that none can be drawn or cloned.
    """
    count = action_count(space, "the environment")
    continuous, discrete = SBX
    if config.algorithm == "auto":
        config = replace(config, algorithm=continuous if count is None else discrete)
    if count is None:
        if config.algorithm == discrete:
            raise RexdError(f"{discrete} needs discrete actions; this environment has {space}. Use algorithm='auto'")
        if not (isinstance(space, Box) and space.is_bounded("both")):
            raise SpaceMismatchError(
                f"the environment has actions of {space}, some without a bound; expected finite bounds. Wrap it with "
                "gymnasium.wrappers.RescaleAction or ClipAction around a bounded space"
            )
    elif config.algorithm.endswith("-sac"):
        raise RexdError(
            f"{config.algorithm} needs continuous actions; this environment has {space}. Use algorithm='auto', which "
            f"chooses {discrete}"
        )
    elif config.algorithm == "sb3-ppo" and isinstance(space, MultiBinary):
        raise RexdError(f"sb3-ppo does not take {space}; use algorithm='auto', which chooses {discrete}")
    elif config.algorithm == discrete and (number := math.prod(factors_of(count))) > MOST_COMBINATIONS:
        raise RexdError(
            f"{discrete} values each combination of actions by itself; this environment has {space}, which are "
            f"{number:,} combinations; expected at most {MOST_COMBINATIONS}. Use algorithm='sb3-ppo'"
        )
    return config


def check_stateful(config: TrainConfig, reward: Any) -> None:
    """Refuse absorbing states with a reward that is paid in the order of an episode, which they are no part of.

    Raises:
        RexdError: Both are asked for.
    """
    stateful = config.reward.stateful if reward is None else getattr(reward, "stateful", False)
    if config.reward_source == "learned" and stateful and config.absorbing:
        raise RexdError(
            "absorbing is True, and the reward depends on the order of an episode's rows, which absorbing states are "
            "no part of; leave absorbing out, or use another type of reward than pwil"
        )


def check_reward_model(reward: Any) -> None:
    """Check that what is given as the reward of a run is a model.

    Raises:
        RexdError: It is something else; the message says how to give it.
    """
    if reward is None or callable(getattr(reward, "predict", None)):
        return
    if isinstance(reward, Settings):
        name = type(reward).__name__
        raise RexdError(
            f"reward is a {name}, which holds settings; expected a fitted reward model. Give the settings as "
            f"config=TrainConfig(reward={name}(...)), or a model that is fitted with them: "
            f"RED({name}(...)).fit(demonstrations)"
        )
    raise RexdError(
        f"reward is {reward!r:.60}, a {type(reward).__name__}; expected a fitted reward model, such as "
        "RED().fit(demonstrations) or load_reward('reward.safetensors'). Leave it out to fit one"
    )
