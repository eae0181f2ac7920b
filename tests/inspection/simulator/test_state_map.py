import numpy as np
import pytest

pytest.importorskip("gymnasium")

import gymnasium
from gymnasium.wrappers import TransformObservation

from rexd.inspection.simulator.state_map import state_map

# Where the observation shows the state, and how many of its columns do.
SHOWN = {
    "Hopper-v5": 11,
    "HalfCheetah-v5": 17,
    "Walker2d-v5": 17,
    "Ant-v5": 27,  # and 78 of contact forces
    "Swimmer-v5": 8,
    "InvertedPendulum-v5": 4,
    "InvertedDoublePendulum-v5": 8,  # sine and cosine of two angles; and a force
    "Reacher-v5": 8,  # the same, and where the fingertip is
    "CartPole-v1": 4,
    "Pendulum-v1": 3,
    "MountainCar-v0": 2,
    "MountainCarContinuous-v0": 2,
    "Acrobot-v1": 6,
}


def mapped(env_id, wrap=lambda env: env, **kwargs):
    env = wrap(gymnasium.make(env_id, **kwargs))
    return env, state_map(env)


@pytest.mark.parametrize("env_id", SHOWN)
def test_the_state_that_is_read_off_leads_where_the_state_led(env_id):
    env, states = mapped(env_id)
    assert states is not None
    assert len(states.columns) == SHOWN[env_id]
    columns = list(states.columns)
    env.reset(seed=7)
    env.action_space.seed(7)
    for _ in range(5):
        before, action = states.simulator.observe(), env.action_space.sample()
        after = np.asarray(env.unwrapped.step(action)[0])[columns]
        led_to = states.simulator.read()
        if states.determined(before[None])[0]:  # Walker2d's velocities are clipped
            states.simulator.write(states.state(before))
            assert np.allclose(states.simulator.observe()[columns], before[columns], atol=1e-5)
            assert np.allclose(np.asarray(env.unwrapped.step(action)[0])[columns], after, atol=1e-3)
        states.simulator.write(led_to)
    env.close()


def test_columns_that_the_environment_clips_do_not_show_the_state():
    env, states = mapped("Hopper-v5")
    rows = np.zeros((3, 11))
    rows[1, 7], rows[2, 10] = 10.0, -10.0
    assert states.determined(rows).tolist() == [True, False, False]
    env.close()


def test_arguments_that_add_columns():
    env, states = mapped("Hopper-v5", exclude_current_positions_from_observation=False)
    assert len(states.columns) == 12
    env.close()


@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "Pusher-v5"])
def test_where_the_state_is_not_shown(env_id):
    """A cell is no state of this kind; of Pusher's object only the centre is shown, and its joints are not."""
    env, states = mapped(env_id)
    assert states is None
    env.close()


def test_a_wrapper_that_gives_other_observations():
    def first_three(env):
        space = gymnasium.spaces.Box(-np.inf, np.inf, (3,))
        return TransformObservation(env, lambda row: row[:3], space)

    env, states = mapped("Hopper-v5", first_three)
    assert states is None
    env.close()


class Hidden(gymnasium.Env):
    """A state whose last number is not shown, and what decides is shown nowhere."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state, self.clock = self.np_random.normal(size=2), 0
        return self.state.copy(), {}

    def step(self, action):
        self.clock += 1
        self.state = self.state + action * (-1) ** self.clock
        return self.state.copy(), 0.0, False, False, {}


def test_something_hidden_decides():
    assert state_map(Hidden()) is None
