"""The scale on which a run's learner sees observations: that of the demonstrations, as far as it reaches.

A few demonstrations of one gait may hold a column nearly still that no beginner holds still. In the one trajectory of
Humanoid, 47 of 376 columns vary a quarter as much as in the clone's episodes or less, so that the learner sees numbers
of up to 3,000 there, beside which the other columns hardly count. Such a column is therefore divided by a quarter of
the standard deviation that the clone's episodes have (docs/lab/learner.md). All others stay as they are, and so do
most tasks.

Where the expert hardly moves, its own scale is what tells its states apart, so that it stays. A checkpoint keeps the
scale, which a resumed run goes on with.
"""

from __future__ import annotations

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.evaluation.policies import RandomPolicy
from rexd.evaluation.rollouts import rollout
from rexd.reward.base import RewardModel
from rexd.rl.training.adapted import is_control
from rexd.rl.training.context import RunContext
from rexd.rl.training.reward_in_env import Played, beginner_cloning, beginner_episodes
from rexd.rl.training.run_folder import CHECKPOINT_FILE, checkpoint_arrays
from rexd.rl.wrappers.scaling import MEAN, STD, Float32, ObservationScale

RANDOM_EPISODES = 5
REACH = 0.25  # of the standard deviation in the clone's episodes, the least that a column is divided by


def observation_scale(
    shown: Demonstrations | None, model: RewardModel | None, context: RunContext, played: Played | None = None
) -> ObservationScale:
    """Return the scale of the observations that the learner sees.

    It is that of what a random policy sees where there are no demonstrations, and of both where there are goals: for
    other goals, the agent goes where no demonstration is.

    Args:
        shown: The demonstrations as the learner sees them, with the mark of absorbing states if the run has it.
        model: The reward to learn from; None stands for the environment's own.
        context: The run.
        played: What was played for the fit of the reward. With None, as for a reward that is given, the clone is
            played here, unless its episodes have no part in the scale.
    """
    config = context.config
    resumed = (context.folder / CHECKPOINT_FILE).is_file()
    kept = checkpoint_arrays(context.folder, (MEAN, STD)) if resumed else None
    if kept is not None:
        return ObservationScale(*kept)
    if shown is None or not (context.goals is None or config.absorbing):
        scale = _with_random_play(shown, context)
        return scale.with_indicator() if config.absorbing else scale
    scale = ObservationScale.of(shown)
    # A checkpoint without a scale is of a version that knew no other one.
    stays = resumed or config.absorbing or is_control(config) or getattr(model, "coverage", 1.0) < 1.0
    spread = None if stays else _spread(shown, context, played)
    return scale if spread is None else _reaching(scale, REACH * spread, context)


def _with_random_play(shown: Demonstrations | None, context: RunContext) -> ObservationScale:
    seed = context.config.seed
    env = context.make_env()
    policy = RandomPolicy(env.action_space, seed)
    env.close()
    played = Demonstrations(tuple(rollout(context.make_env, policy, RANDOM_EPISODES, seed=seed)))
    return ObservationScale.of(played) if shown is None else ObservationScale.of(shown, played)


def _spread(shown: Demonstrations, context: RunContext, played: Played | None) -> Float32 | None:
    """Return the standard deviations (D,) of the observations in the clone's episodes; None where nothing is cloned."""
    beginner = None if played is None else played.beginner
    if beginner is None:
        env = context.make_env()
        cloning = beginner_cloning(shown, env.action_space, context.config.seed)
        env.close()
        if cloning is None:
            return None
        beginner = Played(beginner_episodes(cloning, context.make_env), None).beginner
        assert beginner is not None
    spread: Float32 = beginner.obs.std(axis=0, dtype=np.float64).astype(np.float32)
    return spread


def _reaching(scale: ObservationScale, least: Float32, context: RunContext) -> ObservationScale:
    """Return the scale with at least these standard deviations (D,), and say where they are more than its own."""
    wider = int((least > scale.std).sum())
    if not wider:
        return scale
    context.observer.message(
        f"in the clone's episodes, {wider} of {len(least)} observation columns vary at least {1.0 / REACH:g} times as "
        "much as in the demonstrations; the policy sees them on a scale that reaches as far"
    )
    return scale.at_least(least)
