import numpy as np
import pytest

pytest.importorskip("sbx")

import gymnasium
import jax
import jax.numpy as jnp
from gymnasium.spaces import Box

from rexd.rl.learners.sbx import sac as sac_jax
from rexd.rl.learners.sbx.sac import DemonstrationSAC, LearnerState
from rexd.rl.replay.batches import Batch

from speed_training import _layers, product_seconds, update_products

OBS, ACT, WIDTH, N = 5, 3, 64, 64


class Nothing(gymnasium.Env):
    observation_space, action_space = Box(-1.0, 1.0, (OBS,)), Box(-1.0, 1.0, (ACT,))


def products(batch=N, cloned=N // 2):
    actor = [(OBS, WIDTH), (WIDTH, WIDTH), (WIDTH, ACT), (WIDTH, ACT)]
    return update_products(actor, [(OBS + ACT, WIDTH), (WIDTH, WIDTH), (WIDTH, 1)], 2, batch, cloned, ACT)


def multiply_adds(counted):
    return sum(m * k * n * times for (m, k, n), times in counted.items())


def test_products_of_an_update_are_those_that_xla_counts():
    """Its own count of an update's operations; what is no matrix product is a small part of them."""
    model = DemonstrationSAC(
        "MlpPolicy", Nothing(), buffer_size=1, policy_kwargs={"layer_norm": True, "net_arch": [WIDTH] * 2}
    )
    policy = model.policy
    learner = LearnerState(
        policy.actor_state, policy.qf_state, model.ent_coef_state, model.average_actor, model.key, jnp.int32(0)
    )
    shapes = [(N, OBS), (N, ACT), (N, OBS), (N,), (N,), (N,), (N // 2, OBS), (N // 2, ACT), (N // 2,)]
    batch = Batch._make(np.zeros(shape, np.float32) for shape in shapes)
    settings = sac_jax.Settings(0.005, -3.0, backup_entropy=False, cloning_weight=1.0, schedule=sac_jax.AT_ONCE)
    compiled = jax.jit(sac_jax.update).lower(learner, batch, settings).compile()
    assert _layers(policy.qf_state.params) == [(OBS + ACT, WIDTH), (WIDTH, WIDTH), (WIDTH, 1)]
    assert _layers(policy.actor_state.params) == [(OBS, WIDTH), (WIDTH, WIDTH), (WIDTH, ACT), (WIDTH, ACT)]
    counted = 2 * multiply_adds(products())
    assert 0.75 * compiled.cost_analysis()["flops"] < counted < compiled.cost_analysis()["flops"]


def test_products_by_hand():
    """One layer each: an actor of two heads, one critic without hidden layers."""
    found = update_products([(2, 1), (2, 1)], [(3, 1)], critics=1, batch=4, cloned=2, actions=1)
    assert found == {
        (4, 3, 1): 3,  # the critic: of the target, of the row, of the actor's action
        (3, 4, 1): 1,  # its weights
        (4, 1, 1): 1,  # the way to the action
        (4, 2, 1): 4,  # the actor's heads, twice
        (2, 4, 1): 2,  # their weights
        (4, 1, 2): 1,  # to the inputs of all but the first
        (2, 2, 1): 1 + 1,  # cloning: the mean, and its weights
    }


def test_cloned_rows_cost_no_critic():
    more = multiply_adds(products(cloned=N)) - multiply_adds(products(cloned=0))
    inner = WIDTH * WIDTH + WIDTH * ACT
    assert more == N * (2 * (OBS * WIDTH + inner) + inner)


def test_a_larger_product_takes_longer():
    assert 0.0 < product_seconds((8, 8, 8)) < product_seconds((256, 512, 256))
