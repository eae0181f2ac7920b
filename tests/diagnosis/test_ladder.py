"""Rows that are moved further and further, and what moves along single columns cost."""

from dataclasses import replace

import numpy as np
import pytest
from circling import CONSTANT, choosing, circling
from measured import Fake

from rexd.diagnosis.ladder import (
    ACTION_NOISE,
    FAR,
    STATE_NOISE,
    action_noise,
    column_weights,
    noise_ladders,
    one_column_moved,
    state_noise,
)
from rexd.reward.rows import Rows

DEMOS = circling(steps=200)
ROWS = Rows.of_transitions(DEMOS.transitions())


def test_states_are_moved_by_the_size_in_standard_deviations_and_next_states_by_the_same():
    ladder = {probe.name: probe.rows for probe in noise_ladders(DEMOS, ROWS, seed=0)}
    assert list(ladder) == [*map(state_noise, STATE_NOISE), *map(action_noise, ACTION_NOISE)]
    spread = ROWS.obs.std(axis=0)
    for size in STATE_NOISE:
        moved = ladder[state_noise(size)]
        shift = moved.obs - ROWS.obs
        np.testing.assert_allclose(shift[:, :4].std(axis=0), size * spread[:4], rtol=0.15)
        assert (shift[:, CONSTANT] == 0.0).all()
        np.testing.assert_allclose(moved.next_obs - ROWS.next_obs, shift, atol=1e-5)
        assert moved.act is ROWS.act


def test_noisy_actions_stay_within_their_bounds_and_leave_states_alone():
    for probe in noise_ladders(DEMOS, ROWS, seed=0):
        if probe.name == action_noise(1.0):
            assert np.abs(probe.rows.act).max() == 1.0
            assert (probe.rows.act != ROWS.act).mean() > 0.5
            assert probe.rows.obs is ROWS.obs


def test_discrete_actions_have_no_ladder():
    demos = choosing()
    names = [probe.name for probe in noise_ladders(demos, Rows.of_transitions(demos.transitions()), seed=0)]
    assert names == [*map(state_noise, STATE_NOISE)]


def test_one_column_of_each_row_is_far_out():
    moved = one_column_moved(ROWS, seed=0)
    shift = np.abs(moved.obs - ROWS.obs)
    assert ((shift > 0).sum(axis=1) == 1).all()
    assert (shift[:, CONSTANT] == 0.0).all()
    assert set(shift.argmax(axis=1)) == {0, 1, 2, 3}
    np.testing.assert_allclose(shift.max(axis=0)[:4], FAR * ROWS.obs.std(axis=0)[:4], rtol=1e-3)


def test_a_reward_that_looks_at_one_column_puts_all_weight_on_it():
    rng = np.random.default_rng(0)
    obs = np.concatenate([rng.normal(size=(300, 4)), np.ones((300, 1))], axis=1).astype(np.float32)
    rows = Rows(obs, rng.normal(size=(300, 2)).astype(np.float32), obs)
    weights = column_weights(Fake(), DEMOS, rows, 1.0, seed=0)
    assert [weight.name for weight in weights] == [*(f"observation[{k}]" for k in range(4)), "action[0]", "action[1]"]
    assert weights[0].share == pytest.approx(1.0)
    assert sum(weight.share for weight in weights) == pytest.approx(1.0)


def test_columns_have_the_names_of_the_recording():
    named = replace(DEMOS, column_names=("x", "y", "u", "v", "goal"))
    assert [weight.name for weight in column_weights(Fake(), named, ROWS, 1.0, seed=0)][:4] == ["x", "y", "u", "v"]


def test_rows_that_never_vary_have_no_weights():
    still = Rows(np.ones((50, 3), np.float32), None, np.ones((50, 3), np.float32))
    assert column_weights(Fake(), DEMOS, still, 1.0, seed=0) == ()
