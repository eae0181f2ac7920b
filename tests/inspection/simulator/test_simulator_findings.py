from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("mujoco")

import gymnasium
import scripted
from scripted import POLICIES, recorded, with_fault

from rexd.demos import Demonstrations
from rexd.inspection.data import find
from rexd.inspection.simulator.findings import one_step_findings
from rexd.inspection.simulator.replay import make_recording
from rexd.reading.environment_facts import environment_facts

FAULTS = {
    "actions_late": ("shifted-actions", "rexd convert --shift-actions 1"),
    "actions_early": ("shifted-actions", "rexd convert --shift-actions -1"),
    "observations_late": ("late-observations", "rexd convert --shift-actions -1"),
    "observations_after": ("late-observations", "rexd convert --shift-actions 1"),
    "actions_doubled": ("scaled-actions", "rexd convert --scale-actions 0.5"),
    "actions_in_thirds": ("scaled-actions", "rexd convert --scale-actions 2.7"),
    "actions_negated": ("scaled-actions", "rexd convert --scale-actions -1"),
    "stale_after_reset": ("stale-first-observation", "leave the first row"),
    "observed_after_reset": ("next-episode-observation", "rexd convert --drop-last-next-observation"),
}
WARNINGS = ("stale-first-observation", "next-episode-observation")


@pytest.fixture(scope="module", params=list(POLICIES))
def good(request):
    """An environment and a recording of it."""
    env = gymnasium.make(request.param)
    yield env, scripted.record(env)
    env.close()


def test_good_data_raises_nothing(good):
    env, demos = good
    errors, findings = one_step_findings(env, demos)
    assert findings == []
    assert errors.maximum < 1e-3 < 0.02 < errors.action_effect
    assert errors.rows > 100
    assert [f for f in find(demos, environment_facts(env)) if f.severity != "info"] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(good, fault):
    env, demos = good
    if demos.n_actions is not None and FAULTS[fault][0] == "scaled-actions":
        pytest.skip("discrete actions have no scale")
    code, mend = FAULTS[fault]
    (found,) = one_step_findings(env, with_fault(demos, getattr(scripted, fault)))[1]
    assert found.code == code
    assert found.severity == ("warning" if code in WARNINGS else "error")
    assert found.mend.startswith(mend)
    assert "standard deviations" in found.message


def test_actions_from_minus_one_to_one_where_the_bounds_are_two():
    demos = recorded("Pendulum-v1")
    halved = replace(demos, trajectories=tuple(replace(t, actions=t.actions / 2) for t in demos))
    env = gymnasium.make("Pendulum-v1")
    (found,) = one_step_findings(env, halved)[1]
    assert (found.code, found.mend) == ("scaled-actions", "rexd convert --scale-actions")
    assert "(times 2)" in found.message
    env.close()


@pytest.mark.parametrize(
    ("env_id", "kwargs", "severity"),
    [("Pendulum-v1", {"g": 2.0}, "warning"), ("Hopper-v5", {"frame_skip": 2}, "error")],
)
def test_another_version_of_the_environment(env_id, kwargs, severity):
    env = gymnasium.make(env_id, **kwargs)
    (found,) = one_step_findings(env, recorded(env_id))[1]
    assert (found.severity, found.code) == (severity, "wrong-environment")
    assert "--env-kwargs" in found.mend
    env.close()


def test_an_end_that_is_not_marked():
    demos = recorded("Pendulum-v1")

    def joined(a, b):
        fields = ("observations", "actions", "next_observations", "terminated", "truncated", "next_known", "steps")
        parts = {name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in fields}
        parts["next_observations"][len(a) - 1] = b.observations[0]
        parts["truncated"][len(a) - 1] = False
        parts["steps"] = np.arange(len(parts["steps"]))
        return replace(a, **parts)

    pairs = tuple(joined(a, b) for a, b in zip(demos.trajectories[::2], demos.trajectories[1::2], strict=True))
    env = gymnasium.make("Pendulum-v1")
    (found,) = one_step_findings(env, Demonstrations(pairs))[1]
    assert (found.severity, found.code) == ("warning", "jumps")
    assert "the first at step 99 of trajectory 0" in found.message
    env.close()


def test_subsampled_rows_are_true_steps():
    env = gymnasium.make("Hopper-v5")
    assert one_step_findings(env, recorded("Hopper-v5").subsample(5))[1] == []
    env.close()


def test_rows_without_a_next_observation_are_left_out():
    demos = recorded("CartPole-v1")
    env = gymnasium.make("CartPole-v1")
    unknown = replace(demos, trajectories=tuple(replace(t, next_known=np.zeros(len(t), bool)) for t in demos))
    errors, (found,) = one_step_findings(env, unknown)
    assert errors is None
    assert (found.severity, found.code) == ("info", "no-replay")
    env.close()


def test_an_environment_that_hides_its_state():
    env = gymnasium.make("FrozenLake-v1")
    errors, (found,) = one_step_findings(env, recorded("CartPole-v1"))
    assert errors is None
    assert (found.severity, found.code) == ("info", "no-replay")
    env.close()


def test_of_many_rows_some_trajectories_are_replayed():
    demos = recorded("Pendulum-v1")
    rows = make_recording(demos, most=250)
    assert len(rows) == 300
    assert len(set(rows.trajectory)) == 3
    for number in set(rows.trajectory):
        assert np.array_equal(rows.observations[rows.trajectory == number], demos.trajectories[number].observations)
    cut = make_recording(demos.first(1), most=30)
    assert (len(cut), cut.left[-1], cut.step[-1]) == (30, 70, 29)


def test_progress():
    env, seen = gymnasium.make("CartPole-v1"), []
    one_step_findings(env, recorded("CartPole-v1"), progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 5
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] <= seen[-1][1]
    env.close()
