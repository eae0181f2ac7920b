"""Small recordings of scripted policies, and the faults that recorders make."""

from dataclasses import replace

import gymnasium
import numpy as np

from rexd.demos import Demonstrations, Trajectory


def _hop(random):
    phase = random.uniform(0, 2 * np.pi, 3)
    return lambda step, row: np.clip(0.5 * np.sin(0.4 * step + phase) + 0.3 * random.normal(size=3), -1, 1)


def _swing(random):
    def act(step, row):
        swing = row[2] if abs(row[2]) > 0.5 else 1.0
        push = -8 * row[1] - 2 * row[2] if row[0] > 0.8 else 1.5 * np.sign(swing)
        return np.clip([push + 0.3 * random.normal()], -2, 2)

    return act


def _balance(random):
    return lambda step, row: int(row[2] + 0.5 * row[3] + 0.1 * random.normal() > 0)


POLICIES = {"Hopper-v5": (_hop, 60), "Pendulum-v1": (_swing, 100), "CartPole-v1": (_balance, 100)}
"""A policy from a generator of random numbers, and when the recording is cut."""


def record(env, count=6, seed=0) -> Demonstrations:
    make, steps = POLICIES[env.spec.id]
    random, trajectories = np.random.default_rng(seed), []
    for number in range(count):
        act, (row, _) = make(random), env.reset(seed=100 * seed + number)
        rows, actions, terminated = [row], [], False
        while len(actions) < steps and not terminated:
            actions.append(act(len(actions), rows[-1]))
            row, _, terminated, _, _ = env.step(actions[-1])
            rows.append(row)
        trajectories.append(Trajectory.from_steps(np.array(rows), np.array(actions), terminated=terminated))
    discrete = env.action_space.n if hasattr(env.action_space, "n") else None
    return Demonstrations(tuple(trajectories), n_actions=discrete)


def recorded(env_id, **kwargs) -> Demonstrations:
    env = gymnasium.make(env_id, **kwargs)
    try:
        return record(env)
    finally:
        env.close()


def actions_late(number, t, demos):
    return {"actions": np.concatenate([t.actions[:1], t.actions[:-1]])}


def actions_early(number, t, demos):
    return {"actions": np.concatenate([t.actions[1:], t.actions[-1:]])}


def observations_late(number, t, demos):
    return {"observations": np.concatenate([t.observations[:1], t.observations[:-1]])}


def observations_after(number, t, demos):
    return {"observations": t.next_observations}


def actions_doubled(number, t, demos):
    return {"actions": 2 * t.actions}


def actions_in_thirds(number, t, demos):
    return {"actions": t.actions * 0.37}


def actions_negated(number, t, demos):
    return {"actions": -t.actions}


def stale_after_reset(number, t, demos):
    rows = t.observations.copy()
    rows[0] = demos.trajectories[number - 1].observations[-2]
    return {"observations": rows} if number else {}


def observed_after_reset(number, t, demos):
    rows = t.next_observations.copy()
    # the second row: that it is the first one exactly is seen without a simulator
    rows[-1] = demos.trajectories[(number + 1) % len(demos)].observations[1]
    return {"next_observations": rows}


def with_fault(demos, fault) -> Demonstrations:
    changed = tuple(replace(t, **fault(number, t, demos)) for number, t in enumerate(demos))
    return replace(demos, trajectories=changed)
