import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("mujoco")

import gymnasium
import scripted
from scripted import recorded

from rexd.demos import Demonstrations, Trajectory
from rexd.envs.make import make_environment
from rexd.inspection.simulator.findings import one_step_findings

UNENDING = {"healthy_z_range": (0.0, 9.0), "healthy_angle_range": (-9.0, 9.0)}


def walked(env_id, **kwargs) -> Demonstrations:
    """Walker2d on the ground; since v5 its right foot has another friction."""
    random, trajectories = np.random.default_rng(0), []
    env = make_environment(env_id, kwargs)
    for number in range(4):
        rows, actions = [env.reset(seed=number)[0]], random.uniform(-1, 1, (100, 6))
        rows += [env.step(action)[0] for action in actions]
        trajectories.append(Trajectory.from_steps(np.array(rows), actions))
    env.close()
    return Demonstrations(tuple(trajectories))


def findings(env_id, demos, **kwargs):
    env = make_environment(env_id, kwargs)
    try:
        return one_step_findings(env, demos)[1]
    finally:
        env.close()


def test_the_version_of_the_recording_is_named():
    (found,) = findings("Walker2d-v5", walked("Walker2d-v4", **UNENDING), **UNENDING)
    assert (found.severity, found.code) == ("warning", "other-version")
    assert found.message.startswith("Walker2d-v4 reproduces the recorded steps better")
    assert found.mend.endswith("--env Walker2d-v4")


def test_nothing_is_said_in_the_version_of_the_recording():
    assert findings("Walker2d-v4", walked("Walker2d-v4", **UNENDING), **UNENDING) == []


def test_nor_where_the_versions_are_alike():
    assert findings("Hopper-v4", recorded("Hopper-v5")) == []


def test_a_fault_of_the_recording_is_not_laid_on_the_version():
    late = scripted.with_fault(recorded("Hopper-v5"), scripted.actions_late)
    assert [found.code for found in findings("Hopper-v4", late)] == ["shifted-actions"]


def test_an_argument_that_no_other_version_takes():
    demos = recorded("Hopper-v5")
    codes = [found.code for found in findings("Hopper-v5", demos, frame_skip=2)]
    assert codes == ["wrong-environment"]


def test_a_version_that_cannot_be_made_is_passed_by():
    def fails(**kwargs):
        raise AssertionError("of its own")

    gymnasium.register("Walker2d-v9", entry_point=fails)
    try:
        codes = [found.code for found in findings("Walker2d-v5", walked("Walker2d-v4", **UNENDING), **UNENDING)]
    finally:
        del gymnasium.registry["Walker2d-v9"]
    assert codes == ["other-version"]


def test_a_wrong_environment_is_one_even_where_another_version_is_right():
    entry = gymnasium.spec("Hopper-v5").entry_point
    gymnasium.register("Hops-v1", entry_point=entry, kwargs={"frame_skip": 4})
    gymnasium.register("Hops-v2", entry_point=entry, kwargs={"frame_skip": 2})
    try:
        found = findings("Hops-v2", recorded("Hopper-v5"))
    finally:
        del gymnasium.registry["Hops-v1"], gymnasium.registry["Hops-v2"]
    assert {finding.code: finding.severity for finding in found} == {
        "other-version": "warning",
        "wrong-environment": "error",
    }
