"""Building the learner of a run: its environment, the demonstrations that it replays, and its cloned start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from gymnasium.spaces import Box, Space

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.known_next import with_known_next
from rexd.demos.other_goals import goals_of
from rexd.demos.spaces import action_count
from rexd.errors import import_extra
from rexd.reward.base import RewardModel
from rexd.reward.controls import AbsorbingReward
from rexd.rl.config import SBX, TrainConfig
from rexd.rl.learners.protocol import Learner
from rexd.rl.policies.cloning import Cloning, clone
from rexd.rl.replay.demonstrations import DemonstrationReplay
from rexd.rl.replay.hindsight import Hindsight
from rexd.rl.replay.inverse_model import SETTLED
from rexd.rl.selection.fallback import Fallback
from rexd.rl.training.context import RunContext
from rexd.rl.training.labels import Labels, in_units, labels_states
from rexd.rl.training.observation_scale import observation_scale
from rexd.rl.training.reward_in_env import Played
from rexd.rl.training.run_folder import CHECKPOINT_FILE
from rexd.rl.wrappers.absorbing import add_absorbing
from rexd.rl.wrappers.scaling import ObservationScale
from rexd.rl.wrappers.training_env import training_environment


class Built(NamedTuple):
    """What a run begins with.

    Attributes:
        learner: The learner.
        labels: Labels demonstrations without actions while the learner learns; None where nothing is labelled.
        fallback: What the run keeps where a learnt reward teaches it nothing; None where it keeps its best policy in
            any case.
    """

    learner: Learner
    labels: Labels | None = None
    fallback: Fallback | None = None


def build_learner(
    demonstrations: Demonstrations | None,
    model: RewardModel | None,
    context: RunContext,
    played: Played | None = None,
) -> Built:
    """Put the algorithm on its environment, and start it from a clone of the demonstrations.

    Args:
        demonstrations: What the expert did; None learns without.
        model: The reward to learn from; None stands for the environment's own.
        context: The run.
        played: What was played for the fit of the reward; the fit of its clone goes on where it is of use.

    Returns:
        The learner, and what the loop does for it.
    """
    config = context.config
    shown, paying = demonstrations, model
    labelling = labels_states(config, demonstrations)
    if labelling and demonstrations is not None:
        shown = demonstrations = with_known_next(demonstrations)
        assert demonstrations is not None
    if config.absorbing and demonstrations is not None and model is not None:
        shown = add_absorbing(demonstrations)
        paying = model if config.reward_source == "constant" else AbsorbingReward(model, demonstrations)
    scale = observation_scale(shown, model, context, played)
    off_policy = config.algorithm != "sb3-ppo"
    venv = training_environment(
        context.make_env,
        paying,
        scale,
        absorbing=config.absorbing,
        discount=config.discount,
        in_blocks=off_policy,
        copies=config.environments,
        episode_steps=config.episode_steps,
    )
    space = venv.action_space
    replay = None
    if shown is not None and paying is not None and off_policy:
        rewards = paying.predict_demonstrations(shown)
        bounds = (space.low, space.high) if isinstance(space, Box) else ()
        horizon = getattr(paying, "horizon", None)
        replay = DemonstrationReplay.of(shown, rewards, scale, *bounds, horizon=horizon)
    hindsight = _hindsight(demonstrations, model, scale, space, config)
    learner = _learner_class(config)(config, venv, scale, replay, hindsight)
    if shown is None or paying is None or not (shown.has_actions or labelling):
        return Built(learner)
    actions = (space.low, space.high) if isinstance(space, Box) else action_count(space, "the environment")
    assert actions is not None
    begin = partial(Cloning, action_space=actions, seed=config.seed, squashed=off_policy)
    labels = None
    if labelling:
        start = partial(clone, action_space=actions, seed=config.seed, squashed=off_policy, updates=config.warm_start)
        labels = Labels(shown, space, start if config.warm_start else None, cloned_until=SETTLED)
    elif config.warm_start and not (context.folder / CHECKPOINT_FILE).is_file():
        context.observer.message(f"cloning the demonstrations for {config.warm_start} updates before training")
        begun = None if played is None else played.cloning
        if begun is None or begun.demonstrations is not shown or begun.squashed != off_policy:
            begun = begin(shown)
        learner.warm_start(begun.policy(config.warm_start))
    if replay is None or 0 in (config.warm_start, config.cloning_weight) or config.reward_source != "learned":
        return Built(learner, labels)  # the result of a control is what it learns
    terminal = any(trajectory.terminated[-1] for trajectory in shown.trajectories)
    latest = partial(_begin_latest, begin, shown, labels)
    only_cloning = config.actor_starts if config.algorithm in SBX and labels is None else 0
    fallback = Fallback(latest, float(replay.reward.mean()), getattr(model, "horizon", None), terminal, only_cloning)
    return Built(learner, labels, fallback)


def _hindsight(
    demonstrations: Demonstrations | None,
    model: RewardModel | None,
    scale: ObservationScale,
    space: Space[Any],
    config: TrainConfig,
) -> Hindsight | None:
    """Return what keeps the agent's episodes with other goals; None where no learnt reward can pay for them.

    An absorbing state has no goal, so that there are no other goals with absorbing states. A reward that depends on the
    order of an episode's rows is paid when they happen, and not again for other goals.
    """
    goals = None if demonstrations is None else goals_of(demonstrations)
    off_policy = config.algorithm != "sb3-ppo"
    if goals is None or model is None or config.reward_source != "learned" or config.absorbing or not off_policy:
        return None
    if getattr(model, "stateful", False):
        return None
    ends = getattr(model, "horizon", None) is not None
    return Hindsight(goals, model, scale, partial(in_units, space), ends=ends, seed=config.seed)


def _begin_latest(begin: Callable[[Demonstrations], Cloning], shown: Demonstrations, labels: Labels | None) -> Cloning:
    """Begin a clone of the demonstrations, or of states alone with their latest labels."""
    if labels is None:
        return begin(shown)
    assert labels.latest is not None
    return begin(labels.latest)


def _learner_class(config: TrainConfig) -> Callable[..., Learner]:
    if config.algorithm in SBX:
        import_extra("sbx", "train")
        from rexd.rl.learners.sbx.learner import SbxLearner

        return SbxLearner
    from rexd.rl.learners.sb3 import learner as sb3

    chosen: Callable[..., Learner] = sb3.Sb3SacLearner if config.algorithm == "sb3-sac" else sb3.Sb3PpoLearner
    return chosen
