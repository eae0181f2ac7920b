"""A small task with its expert: steer a noisy point to the origin. For tests of whole training runs."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.reward.red.config import REDConfig
from rexd.rl.config import TrainConfig

LENGTH = 12
REWARD = REDConfig(target_layers=(16, 16), predictor_layers=(16,), outputs=8, updates=60, batch_size=32)
CONFIG = TrainConfig(
    steps=100,
    evaluate_every=40,
    evaluation_episodes=2,
    final_episodes=3,
    learning_starts=20,
    warm_start=0,
    batch_size=16,
    reward=REWARD,
)


class Steer(gymnasium.Env):
    """Observation: position (2), velocity (1). Pays for being near the origin; may end far from it."""

    def __init__(self, terminates=False, discrete=False):
        self.observation_space = Box(-np.inf, np.inf, (3,), np.float64)
        self.action_space = Discrete(3) if discrete else Box(np.float32([-2.0]), np.float32([1.0]))
        self.terminates, self.discrete = terminates, discrete
        self.state = np.zeros(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = np.array([*self.np_random.normal([1.0, -40.0], [0.5, 5.0]), 0.0])
        return self.state.copy(), {}

    def step(self, action):
        push = float(action) - 1.0 if self.discrete else float(action[0])
        x, y, v = self.state
        v = 0.8 * v + 0.3 * push + 0.02 * self.np_random.normal()
        self.state = np.array([x + 0.3 * v, 0.9 * y + self.np_random.normal(), v])
        reward = -abs(self.state[0])
        terminated = self.terminates and abs(self.state[0]) > 1.5
        return self.state.copy(), reward, bool(terminated), False, {"reward_near": reward}


gymnasium.register("Steer-v0", entry_point=Steer, max_episode_steps=LENGTH, disable_env_checker=True)


class OtherReward(gymnasium.Wrapper):
    """The same task, which pays and reports random numbers instead of its own reward."""

    def __init__(self, env, scale):
        super().__init__(env)
        self.scale, self.random = scale, np.random.default_rng(5)

    def step(self, action):
        observation, _, terminated, truncated, _ = self.env.step(action)
        reward = self.scale * float(self.random.normal())
        return observation, reward, terminated, truncated, {"reward_near": reward, "episode": {"r": reward}}


def steer(**kwargs):
    """The task under its registered time limit."""
    return gymnasium.make("Steer-v0", **kwargs)


def steer_for_random_pay(**kwargs):
    """The task with another reward."""
    return OtherReward(steer(**kwargs), scale=1000.0)


def demonstrations(trajectories=5, seed=0, terminates=False, last=False):
    """A proportional controller's episodes; ``last`` ends the first one in a terminal state."""
    env = steer(terminates=terminates)
    made = []
    for episode in range(trajectories):
        observations, actions, done = [env.reset(seed=1000 * seed + episode)[0]], [], False
        while not done:
            x, _, v = observations[-1]
            actions.append(np.clip([-1.5 * x - v], -2.0, 1.0))
            observation, _, terminated, truncated, _ = env.step(actions[-1])
            observations.append(observation)
            done = terminated or truncated
        made.append(Trajectory.from_steps(np.array(observations), np.array(actions), terminated=last and episode == 0))
    env.close()
    return Demonstrations(tuple(made))
