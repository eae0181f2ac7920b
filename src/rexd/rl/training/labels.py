"""Actions for demonstrations of states alone: when labels are made, and what they are used for.

The first labels give the policy its cloned start, as recorded actions do before a run. They are made again as the agent
learns, ever more rarely, from all of its steps so far (``rexd.rl.replay.inverse_model``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Space
from numpy.typing import NDArray

from rexd.demos.choices import factors_of
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import action_count
from rexd.demos.trajectory import Array
from rexd.rl.config import TrainConfig
from rexd.rl.learners.protocol import Learner
from rexd.rl.policies.policy import Policy

EVERY = 1_000  # steps between the first labels
GROWTH = 4  # later, labels are made anew after a quarter of the steps so far
Clone = Callable[[Demonstrations], Policy]


def labels_states(config: TrainConfig, demonstrations: Demonstrations | None) -> bool:
    """Whether a run labels demonstrations: they have no actions, and an off-policy learner can use labels.

    The labels need next observations, and a run that is long enough for the first of them.
    """
    return (
        demonstrations is not None
        and not demonstrations.has_actions
        and config.inverse_model
        and config.algorithm != "sb3-ppo"
        and config.steps > EVERY
        and any(bool(t.next_known.any()) for t in demonstrations.trajectories)
    )


class Labels:
    """Labels the demonstrations of a run, and clones them.

    Attributes:
        latest: The demonstrations with their latest labels; None before there are any.
    """

    def __init__(self, states: Demonstrations, space: Space[Any], clone: Clone | None, *, cloned_until: int) -> None:
        """Take what is labelled.

        Args:
            states: Demonstrations without actions, whose next observations are known.
            space: The action space.
            clone: Fits the policy to start from to demonstrations with labels; None starts from none.
            cloned_until: The policy is set to a clone of the labels that are made up to this step, and of the first.
        """
        self._states, self._space, self._clone, self._until = states, space, clone, cloned_until
        self.latest: Demonstrations | None = None

    def due(self, after: int, until: int) -> Iterator[int]:
        """Yield the steps at which labels are made, those above ``after`` and up to ``until``."""
        step = EVERY
        while step <= until:
            if step > after:
                yield step
            step += max(EVERY, step // GROWTH // EVERY * EVERY)

    def make(self, learner: Learner, step: int) -> None:
        """Label by the first steps of the agent, and start the policy anew from a clone while it only clones."""
        first = self.latest is None
        labelled = self._take(learner.label(step))
        if self._clone is not None and (first or step <= self._until):
            learner.warm_start(self._clone(labelled))

    def restore(self, learner: Learner) -> None:
        """Make the labels again that a resumed learner had."""
        made = [*self.due(0, learner.steps)]
        if made:
            self._take(learner.label(made[-1]))

    def _take(self, labels: NDArray[np.float32]) -> Demonstrations:
        actions = in_units(self._space, labels)
        ends = np.cumsum(self._states.lengths)[:-1]
        parts = zip(self._states.trajectories, np.split(actions, ends), strict=True)
        labelled = replace(
            self._states,
            trajectories=tuple(replace(t, actions=part) for t, part in parts),
            unused=(),
            n_actions=action_count(self._space, "the environment"),
        )
        self.latest = labelled
        return labelled


def in_units(space: Space[Any], act: NDArray[np.float32]) -> Array:
    """Return a learner's actions (N, A) in the units of the environment, as demonstrations have them."""
    if isinstance(space, Box):
        return np.asarray(space.low + (act + 1.0) / 2.0 * (space.high - space.low), np.float32)
    count = action_count(space, "the environment")
    assert count is not None
    parts = [part.argmax(axis=1) for part in np.split(act, np.cumsum(factors_of(count))[:-1], axis=1)]
    return parts[0] if isinstance(count, int) else np.stack(parts, axis=1)
