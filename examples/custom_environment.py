"""An environment of your own, with a time limit: an expert is recorded, a reward is fitted, a policy is trained.

python examples/custom_environment.py       (leaves its run in runs/dock)
"""

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.wrappers import TimeLimit

import rexd


class Dock(gymnasium.Env):
    """A boat is pushed to its place. Observation: position (2) and velocity (2); action: a push (2) from -1 to 1."""

    def __init__(self) -> None:
        """Define the spaces; training reads shapes and bounds from them."""
        self.observation_space, self.action_space = Box(-np.inf, np.inf, (4,)), Box(-1.0, 1.0, (2,))

    def reset(self, *, seed=None, options=None):
        """Start somewhere around the place, at rest."""
        super().reset(seed=seed)
        self.state = np.concatenate([self.np_random.uniform(-2, 2, 2), np.zeros(2)]).astype(np.float32)
        return self.state, {}

    def step(self, action):
        """Push for a tenth of a second; the reward is for evaluation only, no learner sees it."""
        velocity = 0.95 * self.state[2:] + 0.2 * np.clip(action, -1, 1)
        self.state = np.append(self.state[:2] + 0.1 * velocity, velocity).astype(np.float32)
        return self.state, -float(np.linalg.norm(self.state[:2])), False, False, {}


def make_dock() -> gymnasium.Env:
    """Make the environment with a limit of 100 steps; without one, an episode would never end."""
    return TimeLimit(Dock(), max_episode_steps=100)


def record(episodes: int) -> rexd.Demonstrations:
    """Play a hand-made controller; in your project these are a person's or a planner's episodes."""
    env, rng, recorded = make_dock(), np.random.default_rng(0), []
    for seed in range(episodes):
        observations, actions, truncated = [env.reset(seed=seed)[0]], [], False
        while not truncated:
            push = -1.5 * observations[-1][:2] - 1.5 * observations[-1][2:] + rng.normal(0, 0.1, 2)
            actions.append(np.clip(push, -1, 1).astype(np.float32))
            observation, _, _, truncated, _ = env.step(actions[-1])
            observations.append(observation)
        recorded.append(rexd.Trajectory.from_steps(np.stack(observations), np.stack(actions)))
    return rexd.to_demonstrations(recorded, env=make_dock())


def main(steps: int, out: str, **settings) -> None:
    """Record, fit and train; the policy, the reward and the records lie in the folder ``out``."""
    run = rexd.train(record(8), env=make_dock, out=out, steps=steps, **settings)
    print("return in the environment:", round(run.evaluation["true"]["mean"], 1))


if __name__ == "__main__":
    main(steps=4000, out="runs/dock", evaluate_every=1000)
