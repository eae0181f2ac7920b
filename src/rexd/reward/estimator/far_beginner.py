"""What a reward needs where its novelty is level from beginner to expert: a way, or a scale that reaches farther.

Where the demonstrations have enough rows for each column, the way from the beginner to the expert is paid
(``rexd.reward.estimator.way``). Where they have fewer, a direction is not to be trusted. The novelty alone then has to
lead, and it ends (L₀) where half of the beginner's rows lie. An agent that strays farther than its clone did is paid
nothing wherever it goes. L₀ is therefore at least the median error of random play. Humanoid, from 1000 rows of 257
columns, has its clone at 80 ℓ, an agent that learns at up to 600 ℓ, and random play at 2,400 to 4,300 ℓ
(docs/lab/reward-scale.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rexd.reward.estimator.fitted import Fitted
from rexd.reward.estimator.way import has_enough_rows, is_level, way_between
from rexd.reward.rows import Float32, Rows


def reaching(
    fitted: Fitted, expert: Rows, held_out: Float32, beginner: Rows, random_play: Rows | None, *, ends: bool, seed: int
) -> Fitted:
    """Return the reward as it reaches the beginner, if its novelty is level from there to the expert.

    Args:
        fitted: The reward of the novelty alone.
        expert: The demonstrated rows.
        held_out: (N,) their errors by models that never saw them.
        beginner: Rows of the policy that learning begins with.
        random_play: Rows of a policy that acts at random; without them L₀ stays as it is.
        ends: Whether the demonstrations end in terminal states. No way is paid then, since a fall that lies far along
            it would be worth half of what a success is worth.
        seed: Seed of the choice of the beginner's rows.
    """
    if not is_level(*(fitted.reward_of_novelty(errors) for errors in (fitted.novelty(beginner), held_out))):
        return fitted
    learnt, calibration = fitted.learnt, fitted.calibration
    states = learnt.encoder.columns.of_states[learnt.encoder.kept]
    inputs = learnt.inputs_of(expert)
    if has_enough_rows(inputs, states):
        way = way_between(inputs, learnt.inputs_of(beginner), states, seed)
        return replace(fitted, calibration=replace(calibration, far=way is not None), way=None if ends else way)
    if random_play is None or calibration.near is not None:  # an assumed L₀ is no measure of the beginner
        return fitted
    anchor = max(calibration.anchor, float(np.median(fitted.novelty(random_play))))
    return replace(fitted, calibration=replace(calibration, anchor=anchor))
