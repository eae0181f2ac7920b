"""Probes that are made of demonstrations."""

from dataclasses import replace

import numpy as np
import pytest
from circling import VELOCITIES, choosing, circling, sparse

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.states_alone import without_actions
from rexd.diagnosis.ladder import ONE_COLUMN
from rexd.diagnosis.probe import MOST_ROWS, Probe, evenly
from rexd.diagnosis.probes import BETWEEN, NO_VELOCITY, demonstrated_probes, without_velocity
from rexd.reward.checks import OTHER_ACTIONS, RANDOM_ACTIONS, UNUSED
from rexd.reward.rows import Rows


def probes(demos, velocities=None):
    return {probe.name: probe.rows for probe in demonstrated_probes(demos, velocities, seed=0)}


def test_every_kind_is_there_where_everything_is_known():
    found = probes(sparse(), VELOCITIES)
    assert {UNUSED, OTHER_ACTIONS, RANDOM_ACTIONS, ONE_COLUMN, BETWEEN, NO_VELOCITY} < set(found)
    assert max(map(len, found.values())) == MOST_ROWS
    assert all(np.isfinite(rows.obs).all() for rows in found.values())


@pytest.mark.parametrize(
    ("demos", "missing"),
    [
        (circling(), {UNUSED, NO_VELOCITY}),
        (circling(trajectories=1), {UNUSED, NO_VELOCITY, BETWEEN}),
        (without_actions(sparse()), {OTHER_ACTIONS, RANDOM_ACTIONS, NO_VELOCITY}),
    ],
    ids=["whole", "one trajectory", "states alone"],
)
def test_what_is_not_known_is_left_out(demos, missing):
    everything = set(probes(sparse(), VELOCITIES))
    assert everything - set(probes(demos)) >= missing


def test_discrete_actions_stay_whole_numbers():
    between = probes(choosing())[BETWEEN]
    assert between.act.dtype.kind == "i"


def test_rows_between_trajectories_are_middles_of_rows():
    near, far = (circling(trajectories=1, seed=seed).trajectories[0] for seed in (0, 1))
    both = Demonstrations((near, far))
    middle = probes(both)[BETWEEN]
    pairs = (near.observations[:, None, 0] + far.observations[None, :, 0]).ravel() / 2
    assert np.abs(middle.obs[:50, 0][:, None] - pairs).min(axis=1).max() < 1e-6


def test_a_body_without_velocity_stays_where_it_is():
    rows = Rows.of_transitions(circling().transitions())
    still = without_velocity(rows, VELOCITIES)
    assert (still.obs[:, list(VELOCITIES)] == 0.0).all()
    np.testing.assert_array_equal(still.obs[:, [0, 1, 4]], rows.obs[:, [0, 1, 4]])
    np.testing.assert_array_equal(still.next_obs, still.obs)
    assert rows.obs[:, list(VELOCITIES)].any()


def test_rows_are_drawn_evenly_and_in_order():
    rows = Rows(np.arange(9001.0)[:, None], step=np.arange(9001))
    some = evenly(rows)
    assert len(some) == MOST_ROWS
    assert some.step[0] == 0
    assert some.step[-1] == 9000
    assert set(np.diff(some.step)) == {4, 5}
    few = rows[:10]
    assert evenly(few) is few


def test_episodes_become_a_probe_with_their_times():
    made = circling(trajectories=3, steps=7)
    probe = Probe.of_episodes("clone", made.trajectories)
    np.testing.assert_array_equal(probe.rows.step, np.tile(np.arange(7), 3))


def test_the_largest_numbers_stay_finite():
    def huge(t):
        return replace(t, observations=3e38 * np.sign(t.observations), next_observations=3e38 * np.sign(t.observations))

    demos = Demonstrations(tuple(huge(t) for t in circling()))
    for probe in demonstrated_probes(demos, VELOCITIES, seed=0):
        assert np.isfinite(probe.rows.obs).all(), probe.name
        assert np.isfinite(probe.rows.next_obs).all(), probe.name
