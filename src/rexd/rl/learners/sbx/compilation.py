"""Programs that jax compiles once: one to make a network, and functions that learners of one kind share.

jax recognises a function by its identity, and each learner brings functions of its own. A second learner of the same
kind would therefore have everything compiled again.

Compiling in a thread while the reward is fitted was no gain: on two cores the first update was done after 23 seconds
where it is done after 20, since the fit has both cores already and waits for the interpreter's lock besides. With one
thread for the fit it was done after 20, as without.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import flax.linen as nn
import jax
from flax.training.train_state import TrainState

StateT = TypeVar("StateT", bound=TrainState)

MOST_NETWORKS = 24  # a learner has three (actor, critics, entropy coefficient), so that 8 kinds of learners fit

# The functions of the first state of each kind, with the kind that was used last at the end. A key is the description
# of a network and the learning rate. The description is a text, since networks hold lists, which cannot be hashed.
# A kind that is forgotten is compiled again when it is next used, and nothing else changes.
_FIRST: OrderedDict[tuple[str, float], tuple[Any, Any]] = OrderedDict()
_DRAWING: OrderedDict[str, Any] = OrderedDict()  # likewise, what draws the weights of each kind of network


def made_at_once(network: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Return a maker of the same networks whose weights are drawn by one program, and the same to the last bit.

    Without it, jax compiles a program for each operation that draws them, some 90 for a learner, which takes twice as
    long.

    Args:
        network: Makes a network, such as its class.
    """

    def make(**settings: Any) -> nn.Module:
        made = network(**settings)
        made.init = _first(_DRAWING, repr(made), jax.jit(made.init))  # replaced as sbx replaces ``apply``
        return made

    return make


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
    apply_fn, optimiser = _first(_FIRST, kind, (state.apply_fn, state.tx))
    known: StateT = state.replace(apply_fn=apply_fn, tx=optimiser)
    return known


def _first(known: OrderedDict[Any, Any], kind: Any, latest: Any) -> Any:
    """Return what was given first for a kind that is still known, and forget the kind that was used longest ago."""
    first = known.setdefault(kind, latest)
    known.move_to_end(kind)
    if len(known) > MOST_NETWORKS:
        known.popitem(last=False)
    return first
