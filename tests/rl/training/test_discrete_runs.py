"""Whole runs with discrete actions: one choice, and several at the same time."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sbx")

import gymnasium
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from steering import CONFIG, LENGTH, Steer

import rexd
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import RexdError
from rexd.rl.config import TrainConfig
from rexd.rl.training.preflight import MOST_COMBINATIONS, with_algorithm

SETTINGS = replace(CONFIG, steps=80, warm_start=20, actor_starts=8, actor_ramp=8)


class Choosing(Steer):
    """Steering with actions of another space; what they push is the mean of their numbers, less 1."""

    def __init__(self, space=None):
        super().__init__()
        self.action_space = space if space is not None else MultiDiscrete([3, 2])

    def step(self, action):
        assert self.action_space.contains(np.asarray(action, self.action_space.dtype))
        return super().step([float(np.mean(action)) - 1.0])


SPACES = {"one": Discrete(3), "several": MultiDiscrete([3, 2]), "binary": MultiBinary(2)}


def environment(kind="several"):
    return gymnasium.wrappers.TimeLimit(Choosing(SPACES[kind]), LENGTH)


def demonstrations(kind):
    """Pushes towards the origin as far as the space lets them, recorded as integers."""
    env, made = environment(kind), []
    for episode in range(4):
        observations, actions, done = [env.reset(seed=episode)[0]], [], False
        while not done:
            left = observations[-1][0] > 0.0
            shape = env.action_space.shape
            actions.append(np.full(shape, 0 if left else 1, np.int64) if shape else np.int64(0 if left else 2))
            observation, _, terminated, truncated, _ = env.step(actions[-1])
            observations.append(observation)
            done = terminated or truncated
        made.append(Trajectory.from_steps(np.array(observations), np.array(actions)))
    return Demonstrations(tuple(made))


@pytest.mark.parametrize("kind", list(SPACES))
@pytest.mark.slow
def test_a_run(kind, tmp_path):
    demos = demonstrations(kind)
    settings = {"env": environment, "env_kwargs": {"kind": kind}, "out": tmp_path / "run", "progress": False}
    run = rexd.train(demos, config=SETTINGS, **settings)
    recorded = json.loads((run.path / "config.json").read_text())
    assert run.config.algorithm == recorded["train"]["algorithm"] == "sbx-sac-discrete"
    assert run.evaluation["steps"] == 80
    space, policy = SPACES[kind], rexd.load_policy(run.path)
    for deterministic in (True, False):
        for observation in np.random.default_rng(0).normal(size=(5, 3)):
            assert space.contains(policy.predict(observation, deterministic=deterministic)[0].astype(space.dtype))
    rows = demos.transitions()
    columns = {"one": 3, "several": 5, "binary": 4}[kind]
    assert run.reward().encoder_.columns.act_dim == columns
    assert run.reward().predict(rows.obs, rows.act).shape == (len(rows),)
    more = rexd.train(demos, config=replace(SETTINGS, steps=120), resume=True, **settings)
    assert more.evaluation["steps"] == 120


@pytest.mark.slow
@pytest.mark.parametrize("source", ["constant", "adversarial"])
def test_controls(source, tmp_path):
    run = rexd.train(
        demonstrations("several"),
        env=environment,
        out=tmp_path / "run",
        config=replace(SETTINGS, reward_source=source, steps=40),
        progress=False,
    )
    assert run.evaluation["steps"] == 40


class TestAlgorithm:
    box = Box(-1.0, 1.0, (2,))

    @pytest.mark.parametrize(
        ("space", "chosen"), [(box, "sbx-sac"), *((space, "sbx-sac-discrete") for space in SPACES.values())]
    )
    def test_auto_follows_the_action_space(self, space, chosen):
        assert with_algorithm(TrainConfig(), space).algorithm == chosen

    def test_what_is_asked_for_is_kept(self):
        for algorithm in ("sb3-ppo", "sb3-sac", "sbx-sac"):
            config = TrainConfig(algorithm=algorithm)
            assert with_algorithm(config, self.box) == config
        config = TrainConfig(algorithm="sb3-ppo")
        assert with_algorithm(config, Discrete(3)) == config

    @pytest.mark.parametrize(
        ("algorithm", "space", "message"),
        [
            ("sbx-sac", Discrete(3), "sbx-sac needs continuous actions.*'auto', which chooses sbx-sac-discrete"),
            ("sb3-sac", MultiDiscrete([3, 2]), "sb3-sac needs continuous actions"),
            ("sbx-sac-discrete", box, "sbx-sac-discrete needs discrete actions"),
            ("auto", MultiBinary(9), f"512 combinations; expected at most {MOST_COMBINATIONS}"),
            ("sb3-ppo", MultiBinary(2), "sb3-ppo does not take MultiBinary"),
        ],
    )
    def test_what_does_not_fit(self, algorithm, space, message):
        with pytest.raises(RexdError, match=message):
            with_algorithm(TrainConfig(algorithm=algorithm), space)
