"""Demonstrations without actions: what was recorded are the states alone, as of a video or of another body.

Their arrays of actions have the shape (T, 0), so that rows are counted, cut and joined as always. A reward of states,
or of states and next states, learns from them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.streamed import mapped
from rexd.demos.trajectory import Array, Trajectory
from rexd.errors import DemonstrationError

NOTE = (
    "there are no actions: the reward can learn from states alone (--reward.inputs state-next-state or state), and "
    "there is nothing to clone"
)


def no_actions(steps: int) -> Array:
    """Return the actions of rows for which none were recorded, (steps, 0)."""
    return np.zeros((steps, 0), np.float32)


def without_actions(demos: Demonstrations) -> Demonstrations:
    """Return demonstrations as if their actions had not been recorded."""
    if not demos.has_actions:
        return demos

    def states(_: int, t: Trajectory) -> Trajectory:
        return replace(t, actions=no_actions(len(t)))

    return replace(
        demos,
        trajectories=mapped(demos.trajectories, states),
        unused=mapped(demos.unused, states),
        n_actions=None,
        action_bounds=None,
        notes=(*demos.notes, "left the actions out"),
    )


def check_inputs(demos: Demonstrations, inputs: str) -> None:
    """Refuse a reward of states and actions for demonstrations without actions.

    Raises:
        DemonstrationError: There are no actions, and the message names the inputs that need none.
    """
    if inputs == "state-action" and not demos.has_actions:
        raise DemonstrationError(
            f"{demos.source}: there are no actions, and the reward's inputs are 'state-action'; choose inputs that "
            "need none: --reward.inputs state-next-state, or REDConfig(inputs='state-next-state')"
        )
