import numpy as np
import pytest
from counting import Counting
from gymnasium.spaces import Box
from troublesome import Endless, Faulty

from rexd.envs.factory import EnvironmentFactory
from rexd.envs.guarded import Guarded, check_start
from rexd.errors import RexdError, SpaceMismatchError, TaskError
from rexd.evaluation.policies import ZeroPolicy
from rexd.evaluation.rollouts import episode_seed, rollout

FAULTS = {
    "raises": r"raised ZeroDivisionError: the motor is off \(.*troublesome\.py, line \d+\)",
    "nan": "gave an observation with nan in column 1; expected finite numbers",
    "shape": r"gave an observation of shape \(2, 1\); expected \(2,\)",
    "object": "gave an observation of a dict with dtype object; expected numbers",
    "ragged": "gave an observation of a list with dtype object; expected numbers",
}
STEP_FAULTS = {
    **FAULTS,
    "reward": "gave the reward nan; expected a finite number",
    "four": "returned 4 values; expected an observation, a reward, terminated, truncated and an info",
}


@pytest.mark.parametrize("fault", STEP_FAULTS)
def test_a_fault_is_told_with_its_step_and_episode(fault):
    env = Guarded(Faulty(fault, at=5))
    env.reset(seed=1)
    for _ in range(2):
        env.step(np.zeros(1))
    env.reset()
    for _ in range(2):
        env.step(np.zeros(1))
    with pytest.raises(TaskError, match=f"^Faulty: step 3 of episode 2 {STEP_FAULTS[fault]}.*Mend the environment$"):
        env.step(np.zeros(1))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_reset(fault):
    with pytest.raises(TaskError, match=rf"^Faulty: the reset of episode 1 \(seed 4\) {FAULTS[fault]}"):
        check_start(Guarded(Faulty(fault, at=0)), seed=4)


def test_a_reset_that_needs_options_is_told_how_to_get_them():
    with pytest.raises(TaskError, match=r"raised TypeError.*rexd resets with a seed and no options, and a wrapper"):
        check_start(Guarded(Faulty("options")), seed=0)


def test_a_reset_that_returns_no_info():
    class Old(Endless):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed)[0]

    with pytest.raises(TaskError, match="returned a ndarray; expected an observation and an info"):
        Guarded(Old()).reset()


def test_the_first_step_is_part_of_the_check():
    with pytest.raises(TaskError, match="step 1 of episode 1"):
        check_start(Guarded(Faulty("nan", at=1)), seed=0)


def test_arguments_are_named_as_a_cause():
    env = EnvironmentFactory("Pendulum-v1", {"g": "foo"})()
    with pytest.raises(TaskError, match=r"Pendulum-v1: step 1 .*, or its arguments \{'g': 'foo'\}$"):
        check_start(env, seed=0)


def test_errors_of_rexd_pass_through():
    class Refusing(Endless):
        def step(self, action):
            raise SpaceMismatchError("mine")

    env = Guarded(Refusing())
    env.reset()
    with pytest.raises(RexdError, match=r"^mine$"):
        env.step(np.zeros(1))


def test_what_the_environment_returns_is_passed_on_untouched():
    inner = Counting(length=2)
    env = Guarded(inner)
    observation, info = env.reset(seed=3)
    assert observation is inner.buffer
    assert info == {"secret": 7.0}
    stepped = env.step(np.zeros(1))
    assert stepped[0] is inner.buffer
    assert stepped[1:] == (7.0, False, False, {"reward_run": 7.0})


def test_a_rollout_names_the_seed_of_the_episode():
    """Several environments play side by side, each of which counts its own episodes."""
    make = EnvironmentFactory(Faulty, {"fault": "nan", "at": 8}, 5)
    with pytest.raises(TaskError, match=rf"step 3 of episode 2 \(seed {episode_seed(0, 1)}\)"):
        rollout(make, ZeroPolicy(Box(-1, 1, (1,))), 3, seed=0, lockstep=1)
