from dataclasses import replace

import numpy as np
import pytest
import torch
from circling import TINY, choosing, circling, rows

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.reward.encoder import RESOLUTION
from rexd.reward.estimator.predictability import LEAST, action_predictability
from rexd.reward.files import load_reward
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED

FOLD = np.repeat(np.arange(4), 100)
FOLLOWS, NOISE = "action[0]", "action[1]"


def states(rows=400, columns=3):
    return np.random.default_rng(0).normal(size=(rows, columns))


def factors(obs, act, fold=FOLD, **settings):
    obs, act = (torch.from_numpy(np.asarray(array, np.float32)) for array in (obs, act))
    return action_predictability(obs, act, fold, REDConfig(**settings)).numpy()


def noise(rows=400):
    return np.random.default_rng(1).normal(size=rows)


def half_noise(trajectories=4, steps=60):
    """The first action is a function of the state, the second is drawn."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(trajectories):
        obs = rng.uniform(-1.0, 1.0, (steps + 1, 3))
        act = np.stack([np.tanh(obs[:-1, 0] - obs[:-1, 1]), rng.uniform(-1.0, 1.0, steps)], axis=1)
        made.append(Trajectory.from_steps(obs, act))
    return Demonstrations(tuple(made))


def test_actions_that_follow_from_the_state_keep_their_weight():
    obs = states()
    found = factors(obs, np.stack([obs @ [1.0, -0.5, 0.2], np.tanh(2.0 * obs[:, 0])], axis=1))
    assert found.dtype == np.float32
    assert (found > 0.8).all()
    assert (found <= 1.0).all()


def test_pure_noise_keeps_the_least():
    np.testing.assert_array_equal(factors(states(), noise()[:, None]), np.float32([LEAST]))


def test_half_of_the_variance_leaves_a_quarter():
    obs = states()
    assert factors(obs, (obs[:, 0] + noise())[:, None]) == pytest.approx(0.25, abs=0.1)


def test_scale_and_shift_change_next_to_nothing():
    obs = states()
    act = (obs[:, 0] + 0.5 * noise())[:, None]
    moved = factors(obs * [1e3, 1e-2, 1.0] + [5.0, -1.0, 0.0], 20.0 * act - 3.0)
    np.testing.assert_allclose(moved, factors(obs, act), atol=0.02)


def test_it_is_judged_on_trajectories_that_the_prediction_never_saw():
    """What holds within each trajectory alone, such as an expert's offset of the day, predicts nothing."""
    rng = np.random.default_rng(2)
    day = rng.normal(size=4)[FOLD]
    obs = np.stack([day + 1e-3 * rng.normal(size=400), rng.normal(size=400)], axis=1)
    act = np.array([1.0, -1.0, -1.0, 1.0])[FOLD][np.argsort(day, kind="stable")].reshape(-1, 1)
    known = factors(obs, act, fold=np.arange(400) % 4)
    assert known[0] > 0.8
    assert factors(obs, act, fold=FOLD)[0] < 0.3


@pytest.mark.parametrize("size", [0.0, 0.7, -300.0])
def test_an_action_that_never_varies_is_not_blamed(size):
    obs = states()
    still = np.full(400, size) + abs(size) * RESOLUTION * 1e-2 * noise()
    constant, moving = factors(obs, np.stack([still, noise()], axis=1))
    assert (constant, moving) == (1.0, np.float32(LEAST))


def test_states_that_never_vary_explain_nothing():
    assert factors(np.ones((400, 2)), noise()[:, None])[0] == np.float32(LEAST)


def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    obs = states()
    act = (obs[:, 0] + noise())[:, None]
    torch.manual_seed(5)
    state = torch.get_rng_state()
    found = factors(obs, act, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert found.tobytes() == factors(obs, act, seed=1).tobytes()
    assert found.tobytes() != factors(obs, act, seed=2).tobytes()


@pytest.fixture(scope="module")
def model():
    return RED(**TINY).fit(half_noise())


class TestReward:
    def test_noise_is_weighted_down_and_named(self, model):
        weight = dict(zip(model.encoder_.columns.names, model.encoder_.relevance.tolist(), strict=True))
        assert weight[NOISE] == pytest.approx(LEAST)
        assert weight[FOLLOWS] > 0.8
        assert {name for name, factor in weight.items() if factor < 1.0} <= {FOLLOWS, NOISE}
        assert model.encoder_.weighted_columns == [NOISE]
        assert model.encoder_.dropped_columns == []

    def test_what_is_noise_counts_less(self, model):
        obs, act, _ = rows(half_noise())
        changes = []
        for column in (0, 1):
            other = act.copy()
            other[:, column] = other[::-1, column]
            changes.append(np.abs(np.log(model.novelty(obs, other) / model.novelty(obs, act))).mean())
        assert changes[1] < 0.5 * changes[0]

    def test_a_file_keeps_the_weights(self, model, tmp_path):
        loaded = load_reward(model.save(tmp_path / "reward.safetensors"))
        assert loaded.encoder_.relevance.numpy().tobytes() == model.encoder_.relevance.numpy().tobytes()
        assert loaded.encoder_.weighted_columns == [NOISE]
        assert loaded.predict(*rows(half_noise())).tobytes() == model.predict(*rows(half_noise())).tobytes()

    def test_the_seed_of_the_model_decides(self, model):
        again, other = (RED(seed=seed, **TINY).fit(half_noise()).encoder_.relevance for seed in (0, 1))
        assert torch.equal(again, model.encoder_.relevance)
        assert not torch.equal(other, model.encoder_.relevance)


@pytest.mark.parametrize("inputs", ["state", "state-next-state"])
def test_rewards_of_states_alone_have_nothing_to_weigh(inputs):
    assert RED(inputs=inputs, **TINY).fit(half_noise()).encoder_.weighted_columns == []


def test_discrete_actions_are_as_they_were():
    rng = np.random.default_rng(0)
    drawn = tuple(replace(t, actions=rng.integers(3, size=len(t))) for t in choosing())
    encoder = RED(**TINY).fit(Demonstrations(drawn, n_actions=3)).encoder_
    assert encoder.relevance[5:8].tolist() == [1.0, 1.0, 1.0]


def test_a_single_trajectory_is_enough():
    found = RED(**TINY).fit(circling(1, 200)).encoder_.relevance[5:7]
    assert ((found >= LEAST) & (found <= 1.0)).all()
