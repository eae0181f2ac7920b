"""Every estimator rewards environments whose observations are dictionaries."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")

import gymnasium
from circling import circling
from estimators import SMALL
from gymnasium.spaces import Box, Dict

from rexd.reading.from_memory import to_demonstrations
from rexd.reward.choices import ESTIMATORS
from rexd.reward.registry import make_reward
from rexd.rl.wrappers.reward_wrapper import RewardWrapper


class Parts(gymnasium.Env):
    """Observations of two parts."""

    def __init__(self):
        self.observation_space = Dict({"at": Box(-9, 9, (2,)), "moves": Box(-9, 9, (3,))})
        self.action_space = Box(-1, 1, (2,))

    def reset(self, *, seed=None, options=None):
        return {"at": np.zeros(2, np.float32), "moves": np.ones(3, np.float32)}, {}

    def step(self, action):
        return {"at": action, "moves": np.ones(3, np.float32)}, 7.0, False, False, {}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_observations_of_parts_become_columns(name):
    demos = circling()
    parts = [{"obs": {"at": t.observations[:, :2], "moves": t.observations[:, 2:]}, "act": t.actions} for t in demos]
    model = make_reward(name, **SMALL[name]).fit(to_demonstrations(parts))
    assert model.encoder_.columns.observation_names[0] == "at[0]"
    env = RewardWrapper(Parts(), model)
    env.reset()
    paid = [env.step(np.full(2, 0.5, np.float32))[1] for _ in range(3)]
    assert all(0.0 <= reward <= 1.0 for reward in paid)
