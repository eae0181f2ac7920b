from dataclasses import replace

import numpy as np
import pytest
from circling import TINY, VELOCITIES, circling

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import SpaceMismatchError
from rexd.reward.checks import STANDSTILL
from rexd.reward.choices import INPUTS
from rexd.reward.columns import CLOCK
from rexd.reward.files import load_reward
from rexd.reward.red.red import RED


def starting(trajectories=4, steps=200):
    """A body that stands for a moment, then moves for good: observation (position on a circle, velocity)."""
    rng = np.random.default_rng(0)
    return Demonstrations(tuple(_start(rng, steps) for _ in range(trajectories)))


def _start(rng, steps):
    phase, velocity, observations, actions = rng.uniform(0.0, 2.0 * np.pi), 0.0, [], []
    for t in range(steps + 1):
        observations.append([np.cos(phase), np.sin(phase), velocity])
        actions.append([np.clip(1.0 - velocity, -1.0, 1.0) * (t > 3)])
        velocity += 0.1 * actions[-1][0] + 0.01 * rng.normal()
        phase += 0.1 * velocity
    return Trajectory.from_steps(np.array(observations), np.array(actions[:-1]))


@pytest.fixture(scope="module")
def timed():
    return RED(updates=250).fit(starting(), velocity_columns=[2])


def test_standing_still_is_expert_at_the_start_alone(timed):
    rows = starting().transitions()
    still = rows.obs[rows.step == 0].repeat(5, axis=0)
    act = np.zeros((len(still), 1), np.float32)
    first, late = (timed.predict(still, act, step=np.full(len(still), t)).mean() for t in (1, 150))
    assert first > late + 0.3
    plain = RED(updates=250, clock=False).fit(starting(), velocity_columns=[2])
    pays = [{check.name: check.reward for check in model.checks_}[STANDSTILL] for model in (plain, timed)]
    assert pays[1] < pays[0] - 0.1


def test_without_a_time_it_is_a_typical_one(timed):
    rows = starting().transitions()
    clock = np.log1p(rows.step / 20.0)
    typical = round(20.0 * np.expm1(clock.mean()))
    told = timed.predict(rows.obs, rows.act, step=np.full(len(rows), typical))
    np.testing.assert_allclose(timed.predict(rows.obs, rows.act), told, atol=0.02)


def test_the_clock_is_a_column_of_its_own(timed, tmp_path):
    assert timed.encoder_.columns.names == ["observation[0]", "observation[1]", "observation[2]", "action[0]", CLOCK]
    loaded = load_reward(timed.save(tmp_path / "reward.safetensors"))
    rows = starting().transitions()
    assert loaded.clock
    assert (
        loaded.predict(rows.obs, rows.act, step=rows.step).tobytes()
        == timed.predict_demonstrations(starting()).tobytes()
    )


def test_subsampled_rows_keep_their_time():
    sparse = starting().subsample(20, offset=7)
    assert sparse.transitions().step.tolist() == [*range(7, 200, 20)] * 4
    unused = sparse.unused_transitions()
    assert 7 not in unused.step
    assert {6, 8} <= set(unused.step.tolist())


def test_a_model_without_a_clock_does_not_look_at_it():
    tiny, rows = RED(clock=False, **TINY).fit(circling(), velocity_columns=VELOCITIES), circling().transitions()
    assert not tiny.clock
    assert tiny.predict(rows.obs, rows.act, step=rows.step).tobytes() == tiny.predict(rows.obs, rows.act).tobytes()


@pytest.mark.parametrize("inputs", INPUTS)
def test_models_of_states_know_the_time_too(inputs):
    t, model = starting().transitions(), RED(inputs=inputs, **TINY).fit(starting())
    early, late = (model.novelty(t.obs, t.act, t.next_obs, np.full(len(t), at)) for at in (0, 150))
    assert model.clock
    assert not np.allclose(early, late, rtol=0.1)


@pytest.mark.parametrize("inputs", INPUTS)
def test_rows_of_one_time_leave_no_clock(inputs, tmp_path):
    """Trajectories of one row: all are first steps."""
    first = np.zeros(1, np.int64)
    single = Demonstrations(
        tuple(replace(t.rows([row]), steps=first) for t in circling(2, 40) for row in range(0, 40, 2))
    )
    model = RED(inputs=inputs, **TINY).fit(single)
    assert CLOCK in model.encoder_.columns.names
    assert len(model.encoder_.columns.names) - 1 not in model.encoder_.kept
    assert CLOCK not in model.encoder_.dropped_columns  # no column of the demonstrations
    assert CLOCK not in model.encoder_.weighted_columns
    t, loaded = single.transitions(), load_reward(model.save(tmp_path / "reward.safetensors"))
    late = loaded.predict(t.obs, t.act, t.next_obs, np.full(len(t), 900))
    assert late.tobytes() == model.predict(t.obs, t.act, t.next_obs).tobytes()


def test_steps_of_another_shape_are_refused(timed):
    rows = starting().transitions()
    with pytest.raises(SpaceMismatchError, match=r"steps have shape \(3,\); the reward expects \(800,\)"):
        timed.predict(rows.obs, rows.act, step=np.arange(3))
