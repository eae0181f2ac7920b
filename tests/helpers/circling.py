"""An expert that moves a point around a circle: demonstrations of any size, without an environment."""

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory

VELOCITIES = (2, 3)
CONSTANT = 4  # the observation column that never varies
TINY = {"target_layers": (16, 16), "predictor_layers": (16,), "outputs": 8, "updates": 40, "batch_size": 32}


def circling(trajectories=4, steps=40, seed=0, bounds=True):
    """Observations: position, velocity and a constant, (steps, 5); actions (steps, 2) within -1 and 1."""
    rng = np.random.default_rng(seed)
    made = tuple(_trajectory(rng, steps) for _ in range(trajectories))
    limits = (np.full(2, -1.0, np.float32), np.full(2, 1.0, np.float32))
    return Demonstrations(made, action_bounds=limits if bounds else None)


def sparse(seed=0):
    """200 rows of 4 trajectories; the other 3800 are ``unused``."""
    return circling(steps=1000).subsample(20, seed=seed)


def choosing(trajectories=4, steps=40, seed=0, n_actions=3):
    """The same circle with discrete actions: which third of it the point is in."""
    made = circling(trajectories, steps, seed).trajectories
    chosen = tuple(_choose(t, n_actions) for t in made)
    return Demonstrations(chosen, n_actions=n_actions)


def rows(demonstrations):
    """Observations, actions and next observations of all rows, as ``predict`` takes them."""
    t = demonstrations.transitions()
    return t.obs, t.act, t.next_obs


def _trajectory(rng, steps):
    position, velocity, phase = rng.normal(0.0, 0.1, 2), np.zeros(2), rng.uniform(0.0, 2.0 * np.pi)
    observations, actions = [], []
    for _ in range(steps + 1):
        observations.append([*position, *velocity, 0.7])
        wanted = np.array([np.cos(phase), np.sin(phase)])
        actions.append(np.clip(2.0 * (wanted - position) - velocity + rng.normal(0.0, 0.02, 2), -1.0, 1.0))
        velocity = velocity + 0.1 * actions[-1]
        position = position + 0.1 * velocity
        phase += 0.05
    return Trajectory.from_steps(np.array(observations), np.array(actions[:-1]))


def _choose(t, n_actions):
    angle = np.arctan2(t.observations[:, 1], t.observations[:, 0])
    acts = np.floor((angle + np.pi) / (2.0 * np.pi) * n_actions).astype(np.int64).clip(0, n_actions - 1)
    return Trajectory(t.observations, acts, t.next_observations, t.terminated, t.truncated, t.next_known)
