from collections import OrderedDict

import flax.linen as nn
import gymnasium
import jax
import numpy as np
import optax
import pytest
from flax.training.train_state import TrainState

from rexd.rl.learners.sbx import compilation
from rexd.rl.learners.sbx.compilation import MOST_NETWORKS, made_at_once, with_known_functions
from rexd.rl.learners.sbx.sac import DemonstrationSAC, _updates


def learner(seed=0, net_arch=(8, 8), learning_rate=3e-4, layer_norm=True):
    return DemonstrationSAC(
        "MlpPolicy",
        gymnasium.make("Pendulum-v1"),
        policy_kwargs={"net_arch": list(net_arch), "layer_norm": layer_norm},
        learning_rate=learning_rate,
        learning_starts=8,
        train_freq=4,
        gradient_steps=4,
        batch_size=8,
        seed=seed,
    )


def test_a_second_learner_of_one_kind_compiles_nothing():
    learner().learn(16)
    compiled = _updates._cache_size()
    learner(seed=1).learn(16)
    assert _updates._cache_size() == compiled


def test_it_still_has_parameters_of_its_own():
    first, second = learner(), learner(seed=1)
    second.learn(16)
    before = first.policy.actor_state.params["params"]["Dense_0"]["kernel"]
    assert (before == learner().policy.actor_state.params["params"]["Dense_0"]["kernel"]).all()
    assert (before != second.policy.actor_state.params["params"]["Dense_0"]["kernel"]).any()


@pytest.mark.parametrize("change", [{"net_arch": (8, 4)}, {"layer_norm": False}, {"learning_rate": 1e-2}])
def test_learners_of_another_kind_keep_their_own_functions(change):
    one, other = learner(), learner(**change)
    assert one.policy.qf_state.apply_fn is learner().policy.qf_state.apply_fn
    if "learning_rate" in change:
        assert one.ent_coef_state.tx is not other.ent_coef_state.tx
    else:
        assert one.policy.qf_state.apply_fn is not other.policy.qf_state.apply_fn


def test_weights_that_are_drawn_at_once_are_those_that_are_drawn_one_by_one(monkeypatch):
    at_once = learner()
    monkeypatch.setattr("rexd.rl.learners.sbx.sac.made_at_once", lambda network: network)
    one_by_one = learner()
    for state in ("actor_state", "qf_state"):
        found, expected = (jax.tree.leaves(getattr(made.policy, state).params) for made in (at_once, one_by_one))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    assert at_once.policy_kwargs == one_by_one.policy_kwargs  # what a zip holds


def test_what_draws_the_weights_is_compiled_once_for_each_kind():
    make = made_at_once(nn.Dense)
    assert make(features=3).init is make(features=3).init
    assert make(features=3).init is not make(features=4).init


def state():
    return TrainState.create(apply_fn=lambda: None, params={}, tx=optax.sgd(0.1))


def test_only_the_kinds_that_were_used_last_are_remembered(monkeypatch):
    monkeypatch.setattr(compilation, "_FIRST", OrderedDict())
    states = {width: state() for width in range(1, MOST_NETWORKS + 1)}
    for width, first in states.items():
        assert with_known_functions(first, nn.Dense(width), 0.1).apply_fn is first.apply_fn
    with_known_functions(state(), nn.Dense(1), 0.1)  # used again, so that width 2 is now the oldest
    with_known_functions(state(), nn.Dense(MOST_NETWORKS + 1), 0.1)
    assert len(compilation._FIRST) == MOST_NETWORKS
    assert with_known_functions(state(), nn.Dense(1), 0.1).tx is states[1].tx
    forgotten = state()
    assert with_known_functions(forgotten, nn.Dense(2), 0.1).apply_fn is forgotten.apply_fn
    assert len(compilation._FIRST) == MOST_NETWORKS
