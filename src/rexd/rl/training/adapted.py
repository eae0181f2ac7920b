"""Settings that follow from the demonstrations: where they show little, the agent learns more from its own steps.

Where a task has goals and the demonstrations show few of them, nothing is cloned. A clone of one way to one goal goes
that way whatever the goal, and demonstrations in half of each batch hold the critics to it
(docs/lab/reward-inputs.md). Where many goals are shown, the clone knows what to do with a new one.

Where what the clone meets lies apart from the demonstrations (``rexd.reward.estimator.way``), half of each batch says
nothing of where the agent is, and the critics value what it does there too highly (docs/lab/reward-scale.md). This
holds whether or not the reward pays for the way. The policy also has less noise, with which it learnt such an expert in
half of the steps (docs/lab/learner.md). Where the demonstrations end in terminal states, less noise was no gain. A
policy may fall there in one episode of ten, which twenty episodes hardly tell from none, so that it is judged in forty
(docs/lab/shaping.md).

Where the expert hardly moves, half of each batch at nearly one point says nothing of the way there. The share of the
demonstrations is therefore multiplied by the reward's ``coverage`` (docs/lab/reward-scale.md). Such an expert holds
something still, and what there is to learn is in the first steps of an episode. The agent therefore learns more from
each step, with less noise. Where an episode shows nothing later that its beginning does not, those of training are cut,
so that more of them begin (docs/lab/updates.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.other_goals import goals_of
from rexd.reward.base import RewardModel
from rexd.rl.config import SBX, TrainConfig
from rexd.rl.training.context import RunContext

FEW = 10
FAR_SHARE = 0.2  # of the demonstrations in a batch, at most, where what the agent meets lies apart from them
FOR_FEW_GOALS: Mapping[str, Any] = {
    "demonstration_share": 0.2,
    "cloning_weight": 0.0,
    "warm_start": 0,
    "best_episodes": 0,
}
FOR_LESS_NOISE: Mapping[str, Any] = {"target_entropy": -2.0}
FOR_FAR_ENDS: Mapping[str, Any] = {"evaluation_episodes": 10}
FOR_STILL_EXPERTS: Mapping[str, Any] = {"updates_per_step": 4, "evaluation_episodes": 10}
BEGINNING = 0.2  # of the longest demonstration, after which training cuts an episode that shows nothing more
WITHIN = 0.5  # share of the later rows, at least, that lie within what such a beginning shows


def adapted(context: RunContext, demonstrations: Demonstrations | None, model: RewardModel | None) -> RunContext:
    """Return the context with the settings that the demonstrations ask for; what is changed is said and kept in it.

    Args:
        context: The run; its ``config`` is what was asked for, which the folder of the run records.
        demonstrations: What the expert did, in memory; None leaves everything as it is.
        model: The reward.
    """
    config = context.config
    for changed, why in () if demonstrations is None else _changes(config, demonstrations, model):
        context.observer.message(f"{why}: {', '.join(f'{name} {value:g}' for name, value in changed.items())}")
        config = replace(config, **changed)
    was, now = context.config.to_dict(), config.to_dict()
    return replace(context, config=config, adapted={name: now[name] for name in now if now[name] != was[name]})


def _changes(
    config: TrainConfig, demonstrations: Demonstrations, model: RewardModel | None
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield settings to change, and why."""
    number = shown_goals(demonstrations)
    if number is not None and number < FEW:
        few = _not_chosen(config, FOR_FEW_GOALS)
        if few:
            config = replace(config, **few)
            shown = "1 goal" if number == 1 else f"{number} goals"
            yield few, f"the demonstrations show {shown}, and a clone knows no others; with {FEW} they are cloned"
    if config.algorithm == "sb3-ppo":  # it replays no demonstrations, and is held at no entropy
        return
    if getattr(model, "far", False):
        far = _for_far_experts(config, ends=getattr(model, "horizon", None) is not None)
        if far:
            config = replace(config, **far)
            yield (
                far,
                "the clone's states lie apart from the expert's, and little that the agent meets is demonstrated",
            )
    coverage = getattr(model, "coverage", 1.0)
    if coverage < 1.0 and config.demonstration_share > 0.0:
        still = {"demonstration_share": config.demonstration_share * coverage}
        if not is_control(config):
            still |= _not_chosen(config, _for_still_experts(config, demonstrations))
        yield (
            still,
            f"the expert hardly moves in {1.0 - coverage:.0%} of the columns, and the agent's own steps teach more",
        )


def _for_far_experts(config: TrainConfig, *, ends: bool) -> dict[str, Any]:
    """Return settings for an expert that is far from its clone; ``ends`` says that its episodes end."""
    share = {"demonstration_share": FAR_SHARE} if config.demonstration_share > FAR_SHARE else {}
    if is_control(config):
        return share
    return share | _not_chosen(config, FOR_FAR_ENDS if ends else _less_noise(config))


def _for_still_experts(config: TrainConfig, demonstrations: Demonstrations) -> dict[str, Any]:
    """Return settings for an expert that hardly moves; policies change faster, and a short run has 20 evaluations."""
    cut = beginning_of(demonstrations)
    return {
        **FOR_STILL_EXPERTS,
        **_less_noise(config),
        "evaluate_every": min(config.evaluate_every, max(500, config.steps // 20)),
        **({} if cut is None else {"episode_steps": cut}),
    }


def is_control(config: TrainConfig) -> bool:
    """Return whether the agent is paid otherwise or shown nothing, so that it learns as it was asked to."""
    return config.reward_source != "learned" or not config.demonstration_share


def _less_noise(config: TrainConfig) -> Mapping[str, Any]:
    """Return settings of a policy with less noise; discrete actions have a noise of their own."""
    return {} if config.algorithm == SBX[1] else FOR_LESS_NOISE


def _not_chosen(config: TrainConfig, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes to settings that have their default values, which nobody chose."""
    default = {f.name: f.default for f in fields(TrainConfig)}
    return {name: value for name, value in changes.items() if getattr(config, name) == default[name]}


def shown_goals(demonstrations: Demonstrations) -> int | None:
    """Return how many different goals the demonstrations show; None where the task has none."""
    goals = goals_of(demonstrations)
    if goals is None:
        return None
    desired = [trajectory.observations[:, list(goals.desired)] for trajectory in demonstrations.trajectories]
    return len(np.unique(np.concatenate(desired), axis=0))


def beginning_of(demonstrations: Demonstrations) -> int | None:
    """Return the number of steps after which a demonstrated episode shows nothing more; None where it goes on to.

    It is a fifth of the longest demonstration, if that is all: in every column of the observation, half of the later
    rows lie within the range of the earlier ones.
    """
    rows = demonstrations.transitions()
    steps = max(1, round(BEGINNING * demonstrations.longest))
    early = rows.step < steps
    if early.all() or not early.any():
        return None
    low, high = rows.obs[early].min(axis=0), rows.obs[early].max(axis=0)
    later = rows.obs[~early]
    return steps if (((low <= later) & (later <= high)).mean(axis=0) >= WITHIN).all() else None
