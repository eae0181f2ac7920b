"""The scale that a beginner needs, on an expert that hardly moves and on one that moves as much as anyone."""

from dataclasses import replace

import numpy as np
import pytest
from circling import CONSTANT, TINY, circling

from rexd.demos.demonstrations import Demonstrations
from rexd.reward.beginner import LEAST_MOVE, LEAST_SPREAD, coverage, least_spread, moved, spread_of
from rexd.reward.calibration import KnownErrors, Scored, calibrate
from rexd.reward.columns import InputColumns
from rexd.reward.files import load_reward
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows

NARROW = 1e-5


def narrow() -> Demonstrations:
    """The expert of the circle, whose observations lie within a hair of one point."""
    made = circling()
    shrunk = [
        replace(t, observations=_near(t.observations), next_observations=_near(t.next_observations)) for t in made
    ]
    return Demonstrations(tuple(shrunk), action_bounds=made.action_bounds)


def _near(observations):
    return (0.5 + NARROW * observations).astype(np.float32)


def straying(size: float, seed: int = 1) -> Rows:
    """A beginner's rows: they stray from the point by ``size``."""
    rng = np.random.default_rng(seed)
    obs = (0.5 + size * rng.normal(size=(300, 5))).astype(np.float32)
    act = rng.uniform(-1.0, 1.0, (300, 2)).astype(np.float32)
    return Rows(obs, act, obs, np.arange(300) % 30)


@pytest.mark.parametrize(("inputs", "states"), [("state-action", 5), ("state", 5), ("state-next-state", 10)])
def test_columns_of_states_have_a_least_spread_and_others_have_none(inputs, states):
    columns = InputColumns.of(circling(), inputs, clock=True)
    found = least_spread(columns, straying(0.3))
    np.testing.assert_allclose(found[:states], LEAST_SPREAD * 0.3, rtol=0.15)
    assert (found[states:] == 0.0).all()
    assert len(found) == len(columns.names)


def test_rows_are_moved_by_a_share_of_the_beginners_spread():
    rows = Rows.of_transitions(circling(steps=500).transitions())
    beginner = Rows(np.random.default_rng(0).normal(3.0, [1.0, 0.0, 0.0, 0.0, 0.0], (4000, 5)))
    near = moved(rows, beginner, seed=0)
    assert np.std(near.obs[:, 0] - rows.obs[:, 0]) == pytest.approx(LEAST_MOVE, rel=0.05)
    np.testing.assert_array_equal(near.obs[:, 1:], rows.obs[:, 1:])
    np.testing.assert_allclose(near.next_obs - rows.next_obs, near.obs - rows.obs, atol=1e-6)
    assert near.act is rows.act
    assert near.step is rows.step


def test_rare_spikes_do_not_count_as_spread():
    rows = np.random.default_rng(0).normal(0.0, 2.0, (5000, 1))
    rows[::50] = 1e4
    assert spread_of(rows) == pytest.approx([2.0], rel=0.05)


def test_the_unit_and_the_end_of_the_scale_reach_the_beginner():
    held_out, errors = np.full(160, 1.0, np.float32), np.full(10, 10.0, np.float32)
    unrelated = Scored(straying(0.3)[:10], errors)
    near, far = np.full(10, 2.0, np.float32), np.full(10, 500.0, np.float32)
    found = calibrate(KnownErrors(held_out, unrelated, unrelated, None, moved=near, beginner=far))
    assert (found.median, found.anchor) == (2.0, 500.0)
    found = calibrate(KnownErrors(held_out, unrelated, unrelated, None, moved=held_out / 2, beginner=errors))
    assert (found.median, found.anchor) == (1.0, 30.0)


@pytest.mark.parametrize(("distance", "anchor"), [(4.0, 30.0), (6.0, 6.0), (100.0, 100.0)])
def test_where_unrelated_actions_tell_nothing_a_beginner_that_lies_farther_ends_the_scale(distance, anchor):
    held_out, errors = np.full(160, 1.0, np.float32), np.full(10, 1.0, np.float32)
    unrelated = Scored(straying(0.3)[:10], errors)
    found = calibrate(KnownErrors(held_out, unrelated, unrelated, None, moved=held_out, beginner=distance * errors))
    assert found.anchor == anchor


def test_an_expert_that_hardly_moves_pays_a_beginner_for_coming_nearer():
    alone = RED(**TINY, seed=0).fit(narrow())
    reaching = RED(**TINY, seed=0).fit(narrow(), beginner=straying(0.3))
    distances = (0.3, 0.1, 0.03, 0.0)
    paid = {
        name: [_pays(model, size) for size in distances] for name, model in (("alone", alone), ("reaching", reaching))
    }
    assert paid["alone"][:3] == pytest.approx([0.0, 0.0, 0.0], abs=1e-3)  # all that is not at the point is equally far
    assert np.diff(paid["reaching"]).min() > 0.05
    assert paid["reaching"][-1] > 0.7
    assert alone.encoder_.dropped_columns == reaching.encoder_.dropped_columns


def _pays(model: RED, size: float) -> float:
    return float(model.reward_of(straying(size)).mean())


def test_where_the_expert_moves_as_much_nothing_changes_to_the_bit():
    demos = circling()
    rows = Rows.of_transitions(demos.transitions())
    settings = {**TINY, "updates": 500, "target_layers": (64, 64), "predictor_layers": (64,), "seed": 0}
    plain, reaching = RED(**settings).fit(demos), RED(**settings).fit(demos, beginner=rows)
    assert plain.reward_of(rows).tobytes() == reaching.reward_of(rows).tobytes()
    assert plain.calibration_ == reaching.calibration_


def test_coverage_is_the_share_of_columns_in_which_the_expert_spreads_as_widely():
    columns = InputColumns.of(circling(), "state-action", clock=True)
    raw = columns.concatenate(Rows.of_transitions(circling().transitions()))
    spread = raw.numpy().std(axis=0)[:5]
    far = np.float32([100.0, 1.0, 100.0, 1.0, 100.0])  # the third column that is far never varies in the demonstrations
    obs = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32) * spread * far
    beginner = Rows(obs, np.zeros((400, 2), np.float32), obs, np.zeros(400, np.int64))
    assert coverage(columns, raw, beginner) == 0.5
    assert coverage(columns, raw, Rows.of_transitions(circling().transitions())) == 1.0


def test_coverage_is_kept_with_the_reward(tmp_path):
    model = RED(**TINY, seed=0).fit(narrow(), beginner=straying(0.3))
    assert model.coverage == model.calibration_.coverage == 0.0
    assert load_reward(model.save(tmp_path / "r.safetensors")).coverage == 0.0
    assert RED(**TINY, seed=0).fit(narrow()).coverage == 1.0


def test_a_column_that_never_varies_stays_out_though_the_beginner_varies_it():
    model = RED(**TINY, seed=0).fit(circling(), beginner=straying(0.3))
    assert model.encoder_.dropped_columns == [f"observation[{CONSTANT}]"]


def test_the_papers_recipe_takes_the_demonstrations_alone():
    settings = {**TINY, "recipe": "paper", "shape": "exponential", "sigma": 100.0, "seed": 0}
    settings.pop("predictor_layers")
    plain, reaching = RED(**settings).fit(narrow()), RED(**settings).fit(narrow(), beginner=straying(0.3))
    assert plain.calibration_ == reaching.calibration_
