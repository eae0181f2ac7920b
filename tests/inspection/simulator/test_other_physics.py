"""Another body and other physics are told by constants and by misses in proportion to the action."""

from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("mujoco")

import gymnasium
from gymnasium.spaces import Box

from rexd.demos import Demonstrations, Trajectory
from rexd.envs.make import make_environment
from rexd.inspection.inspect import inspect_demonstrations
from rexd.inspection.simulator.findings import one_step_findings
from rexd.inspection.simulator.other_physics import other_body
from rexd.reading.containers.source import Source
from rexd.reading.environment_facts import environment_facts, make_hints
from rexd.reading.load import read_source

OTHERS = "experts/expert_data_no_img_"


class Cart(gymnasium.Env):
    """Place, speed, mass, a goal that each reset draws, and a zero."""

    observation_space = Box(-np.inf, np.inf, (5,), np.float64)
    action_space = Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, mass=2.0):
        self.mass = mass

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.speed, self.goal = self.np_random.normal(size=3)
        return self._seen(), {}

    def step(self, action):
        self.speed += float(action[0]) / self.mass
        self.place += 0.1 * self.speed
        return self._seen(), 0.0, False, False, {}

    def _seen(self):
        return np.array([self.place, self.speed, self.mass, self.goal, 0.0])


def driven(env, episodes=4, steps=40):
    trajectories, random = [], np.random.default_rng(0)
    for seed in range(episodes):
        rows, actions = [env.reset(seed=seed)[0]], random.uniform(-1, 1, (steps, 1))
        rows += [env.step(action)[0] for action in actions]
        trajectories.append(Trajectory.from_steps(np.array(rows), actions))
    return Demonstrations(tuple(trajectories))


def test_the_same_body():
    assert other_body(Cart(2.0), driven(Cart(2.0))) == []
    assert other_body(Cart(2.0), driven(Cart(2.0 + 1e-6))) == []


@pytest.mark.parametrize("episodes", [1, 4])  # of one episode the goal never varies, but that of the environment does
def test_a_mass_that_is_another_here(episodes):
    inspected = inspect_demonstrations(driven(Cart(1.8), episodes), Cart(2.0))
    (found,) = (finding for finding in inspected.findings if finding.severity != "info")
    assert (found.severity, found.code) == ("warning", "other-body")
    assert found.message.startswith("1 observation columns that never vary")
    assert "column 2 is 1.8, here 2)" in found.message


class Gears(gymnasium.Env):
    """Two speeds, which decay and take one action each, times its gear; the state is what is observed."""

    observation_space = Box(-np.inf, np.inf, (2,), np.float64)
    action_space = Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, *gears, bend=0.0):
        self.gears, self.bend = np.array(gears), bend

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.normal(size=2)
        return self.state.copy(), {}

    def step(self, action):
        self.state = 0.7 * self.state + self.bend * np.sin(3 * self.state) + self.gears * action
        return self.state.copy(), 0.0, False, False, {}


@pytest.mark.parametrize(
    ("recorded", "codes"),
    [
        (Gears(1.0, 1.0), []),
        (Gears(1.0, 1.02), []),
        (Gears(0.9, 1.2), ["other-physics"]),
        (Gears(1.0, 1.0, bend=0.1), []),  # a miss as large, which has nothing to do with the action
    ],
)
def test_other_gears_miss_in_proportion_to_the_action(recorded, codes):
    _, findings = one_step_findings(Gears(1.0, 1.0), driven(recorded))
    assert [finding.code for finding in findings] == codes
    for found in findings:
        assert found.severity == "warning"
        assert "miss those of the environment by 0.09" in found.message
        assert (
            "100% of the squared miss is proportional to the action (most in observation column 1 by" in found.message
        )


def found_in(file, env_id, columns=None, episode_length=None):
    with closing(make_environment(env_id)) as env:
        demos, _ = read_source(Source(str(file)), make_hints(environment_facts(env), episode_length, columns))
        return {f.code: f for f in inspect_demonstrations(demos, env).findings}


@pytest.mark.slow
def test_a_humanoid_with_other_masses(shared_data):
    found = found_in(shared_data / f"{OTHERS}Humanoid_scores_6000_episodes_1.npz", "Humanoid-v4", slice(0, 376))
    assert found["other-body"].severity == found["other-physics"].severity == "warning"
    assert found["other-body"].message.startswith("11 observation columns")
    assert "column 74 is 2.03575, here 2.26195" in found["other-body"].message
    assert "wrong-environment" not in found


def test_a_double_pendulum_of_another_simulator(shared_data):
    file = shared_data / f"{OTHERS}InvertedDoublePendulum_scores_9100_episodes_4.npz"
    found = found_in(file, "InvertedDoublePendulum-v4", slice(0, 11))
    assert found["other-physics"].severity == "warning"
    assert "by 0.2 standard deviations (median), 5% of" in found["other-physics"].message
    assert "other-body" not in found


@pytest.mark.parametrize(
    ("name", "env_id", "columns"),
    [
        ("experts/HalfCheetah-v5-sac.npz", "HalfCheetah-v5", None),
        ("experts/Walker2d-v5-sac.npz", "Walker2d-v5", None),
        ("experts/InvertedDoublePendulum-v5-sac.npz", "InvertedDoublePendulum-v5", None),
        ("experts/MountainCarContinuous-v0-sac.npz", "MountainCarContinuous-v0", None),
        ("red/Hopper-v2.pkl", "Hopper-v5", None),
        ("red/HalfCheetah-v2.pkl", "HalfCheetah-v5", None),
        ("red/Walker2d-v2.pkl", "Walker2d-v4", None),
        ("red/Ant-v2.pkl", "Ant-v4", slice(0, 27)),
        ("red/Reacher-v2.pkl", "Reacher-v5", slice(0, 10)),
    ],
)
def test_recordings_of_the_same_body(shared_data, name, env_id, columns):
    found = found_in(shared_data / name, env_id, columns, 1000 if "Ant" in name else None)
    new = {"other-body", "other-physics", "padding", "idle-ends", "copied-action", "late-observations"}
    assert new.isdisjoint(found)
