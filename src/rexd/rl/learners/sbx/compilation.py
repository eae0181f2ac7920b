"""Functions that are shared between learners of one kind, so that jax compiles them once.

jax recognises a function by its identity, and each learner brings functions of its own. A second learner of the same
kind would therefore have everything compiled again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, TypeVar

import flax.linen as nn
from flax.training.train_state import TrainState

StateT = TypeVar("StateT", bound=TrainState)

MOST_NETWORKS = 24  # a learner has three (actor, critics, entropy coefficient), so that 8 kinds of learners fit

# The functions of the first state of each kind, with the kind that was used last at the end. A key is the description
# of a network and the learning rate. The description is a text, since networks hold lists, which cannot be hashed.
# A kind that is forgotten is compiled again when it is next used, and nothing else changes.
_FIRST: OrderedDict[tuple[str, float], tuple[Any, Any]] = OrderedDict()


def with_known_functions(state: StateT, network: nn.Module, learning_rate: float) -> StateT:
    """Return the state with the functions of the first state that had an equal network and optimiser.

    What is compiled for one state then serves all of them, and a second learner in one process starts seconds sooner.

    Args:
        state: Parameters, the optimiser's state, and the functions that read them.
        network: The network whose ``apply`` the state has. Its description has everything that ``apply`` depends on,
            except for shapes.
        learning_rate: Step size of the optimiser. All learners of this library have the same type of optimiser.
    """
    kind = (repr(network), learning_rate)
    apply_fn, optimiser = _FIRST.setdefault(kind, (state.apply_fn, state.tx))
    _FIRST.move_to_end(kind)
    if len(_FIRST) > MOST_NETWORKS:
        _FIRST.popitem(last=False)
    known: StateT = state.replace(apply_fn=apply_fn, tx=optimiser)
    return known
