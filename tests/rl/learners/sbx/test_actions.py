from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sbx")

import jax
import jax.numpy as jnp

from rexd.demos.choices import one_hot
from rexd.rl.learners.sbx.actions import Discrete, combinations, scaling_to, smoothing_of
from rexd.rl.replay.batches import Batch

RNG = np.random.default_rng(0)
OBS = RNG.normal(size=(6, 4)).astype(np.float32)
FACTORS = (3, 2)
LOGITS, VALUES = RNG.normal(size=(4, 5)).astype(np.float32), RNG.normal(size=(2, 4, 6)).astype(np.float32)
ACT = np.stack([RNG.integers(3, size=6), RNG.integers(2, size=6)], axis=1)


def actor(factors=FACTORS):
    def logits(params, obs):
        return SimpleNamespace(logits=obs @ params @ combinations(factors))

    return SimpleNamespace(apply_fn=logits)


CRITIC = SimpleNamespace(apply_fn=lambda params, obs: jnp.einsum("nd,kdj->knj", obs, params))


def joint():
    """The probabilities of all pairs of choices by hand, (6, 6)."""
    first, second = (np.array(jax.nn.softmax(part)) for part in np.split(OBS @ LOGITS, [3], axis=1))
    return (first[:, :, None] * second[:, None, :]).reshape(6, 6)


def test_combinations_are_in_the_order_of_numpy():
    found = combinations(FACTORS)
    assert found.shape == (5, 6)
    for number in range(6):
        i, j = np.unravel_index(number, FACTORS)
        np.testing.assert_array_equal(found[:, number], one_hot(np.array([i, j]), FACTORS))


def test_expectations_over_all_combinations_by_hand():
    q, log_prob = Discrete(FACTORS, 0.1).outlook(actor(), LOGITS, CRITIC, VALUES, OBS, None)
    values = np.einsum("nd,kdj->knj", OBS, VALUES).min(axis=0)
    np.testing.assert_allclose(q, (joint() * values).sum(axis=1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(log_prob, (joint() * np.log(joint())).sum(axis=1), rtol=1e-4, atol=1e-5)


def test_the_value_of_the_combination_that_was_taken():
    found = Discrete(FACTORS, 0.1).taken(CRITIC, VALUES, OBS, jnp.array(one_hot(ACT, FACTORS)))
    values = np.einsum("nd,kdj->knj", OBS, VALUES)
    expected = values[:, np.arange(6), np.ravel_multi_index(tuple(ACT.T), FACTORS)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_one_choice():
    kind, values = Discrete((6,), 0.1), np.einsum("nd,kdj->knj", OBS, VALUES)
    alone = SimpleNamespace(apply_fn=lambda params, obs: SimpleNamespace(logits=obs @ params))
    q, _ = kind.outlook(alone, VALUES[0], CRITIC, VALUES, OBS, None)
    probs = np.array(jax.nn.softmax(OBS @ VALUES[0]))
    np.testing.assert_allclose(q, (probs * values.min(axis=0)).sum(axis=1), rtol=1e-4, atol=1e-5)
    taken = kind.taken(CRITIC, VALUES, OBS, jnp.array(one_hot(np.arange(6), 6)))
    np.testing.assert_allclose(taken, values[:, np.arange(6), np.arange(6)], rtol=1e-4, atol=1e-5)


def cloning(own):
    rows = Batch(*[None] * 6, clone_obs=OBS, clone_act=jnp.array(one_hot(ACT, FACTORS)), clone_own=jnp.array(own))
    return float(Discrete(FACTORS, 0.1).cloning(actor(), LOGITS, CRITIC, VALUES, rows))


def test_cloning_is_a_cross_entropy_with_smoothed_labels():
    taken = np.ravel_multi_index(tuple(ACT.T), FACTORS)
    labels = 0.9 * np.eye(6)[taken] + 0.1 / 6
    assert cloning(np.zeros(6, np.float32)) == pytest.approx(-(labels * np.log(joint())).sum(axis=1).mean(), rel=1e-4)


def test_own_actions_are_cloned_where_they_are_worth_more_than_the_policy():
    taken, values = np.ravel_multi_index(tuple(ACT.T), FACTORS), np.einsum("nd,kdj->knj", OBS, VALUES).min(axis=0)
    better = values[np.arange(6), taken] > (joint() * values).sum(axis=1)
    assert 0 < better.sum() < 6
    labels = 0.9 * np.eye(6)[taken] + 0.1 / 6
    entropies = -(labels * np.log(joint())).sum(axis=1)
    assert cloning(np.ones(6, np.float32)) == pytest.approx((better * entropies).mean(), rel=1e-4)


@pytest.mark.parametrize("count", [2, 4, 100])
def test_a_perfect_clone_has_the_entropy_that_is_asked_for(count):
    share = smoothing_of(0.2 * np.log(count), count)
    labels = np.full(count, share / count)
    labels[0] += 1.0 - share
    assert -(labels * np.log(labels)).sum() == pytest.approx(0.2 * np.log(count), rel=1e-3)


def test_logits_are_scaled_to_an_entropy():
    logits = jnp.array(RNG.normal(size=(50, 4)) * 20.0)
    factor = scaling_to(0.3, logits)
    log_probs = jax.nn.log_softmax(logits * factor)
    assert -float((jnp.exp(log_probs) * log_probs).sum(axis=1).mean()) == pytest.approx(0.3, rel=1e-3)
    assert factor < 1.0
    assert np.isfinite(scaling_to(0.3, jnp.zeros((5, 4))))
