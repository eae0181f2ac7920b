"""Rewards that are fitted again: with other seeds, and to fewer demonstrations."""

import json
from dataclasses import replace

import numpy as np
import pytest
from circling import TINY, circling, sparse
from measured import Fake, scored, sight

from rexd.diagnosis.diagnose import diagnose
from rexd.diagnosis.probe import Probe
from rexd.diagnosis.thorough import LEAST_ROWS, SEEDS, Refit, parts_of, refit_findings, refits
from rexd.reward.checks import RANDOM_ACTIONS
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows


def probe():
    obs = np.abs(np.random.default_rng(0).normal(size=(700, 5))).astype(np.float32)
    return Probe("rows", Rows(obs, np.zeros((700, 2), np.float32), obs, np.arange(700)))


def test_the_parts_of_several_trajectories_and_of_one():
    assert [(what, len(part)) for what, part in parts_of(circling(5))] == [
        ("a half of the trajectories", 2),
        ("a quarter of the trajectories", 1),
    ]
    assert [what for what, _ in parts_of(circling(2))] == ["a half of the trajectories"]
    alone = circling(1, steps=40)
    parts = dict(parts_of(alone))
    rows = {what: part.n_transitions for what, part in parts.items()}
    assert rows == {"a half of the rows": 20, "a quarter of the rows": 10}
    np.testing.assert_array_equal(parts["a half of the rows"].transitions().obs, alone.transitions().obs[::2])
    assert [part.n_transitions for _, part in parts_of(circling(1, steps=3 * LEAST_ROWS))] == [12]  # 6 are no fit


class Seeded(Fake):
    """Pays by the first column; with an odd seed, the other way round."""

    def __init__(self, seed):
        odd = seed % 2
        super().__init__(pays=(lambda novelty: novelty / (1.0 + novelty)) if odd else None)


def test_each_fit_is_compared_with_the_reward_on_the_same_rows():
    asked, told = [], []

    def fit(seed, demonstrations, step):
        asked.append((seed, demonstrations.n_transitions))
        step("fitting the reward", 1, 2)
        return Seeded(seed)

    demos = circling(4, steps=40)
    found = refits(Seeded(4), demos, [probe()], fit, 4, lambda doing, done, total: told.append((doing, done, total)))
    assert asked == [(5, 160), (6, 160), (7, 160), (4, 80), (4, 40)]
    assert [(refit.what, refit.seed, refit.rows) for refit in found[2:4]] == [
        ("seed 7", True, 160),
        ("a half of the trajectories", False, 80),
    ]
    np.testing.assert_allclose([refit.ranks for refit in found], [-1.0, 1.0, -1.0, 1.0, 1.0])
    assert found[0].held_out == pytest.approx(float(Seeded(5).held_out_reward_.mean()))
    assert list(found[0].aurocs) == ["rows"]
    assert told[0] == ("fitting again: seed 5", 1, 10)
    assert told[-1] == ("fitting again: a quarter of the trajectories", 9, 10)


SAME = [Refit(f"seed {n}", True, 200, 0.99, 0.75, {RANDOM_ACTIONS: 0.95}) for n in range(1, SEEDS + 1)]
HALF = Refit("a half of the trajectories", False, 100, 0.95, 0.7, {RANDOM_ACTIONS: 0.85})
QUARTER = replace(HALF, what="a quarter of the trajectories", ranks=0.5, held_out=0.4)
SEEN = sight(scored(RANDOM_ACTIONS, 0.5, 0.9), expert=0.75)


def codes(*found):
    return {each.code: each for each in refit_findings(found, SEEN)}


def test_a_reward_that_stays_what_it_is():
    assert codes(*SAME, HALF, QUARTER) == {}  # of a quarter, another reward is no wonder
    assert codes() == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ranks": 0.8}, "is 0.80; expected 0.95"),
        ({"ranks": None}, "is 0.00; expected 0.95"),
        ({"held_out": 0.6}, "held-out rows earn 0.60 to 0.75"),
    ],
)
def test_a_reward_that_hangs_on_its_seed(changes, said):
    (each,) = codes(*SAME[:-1], replace(SAME[-1], **changes), HALF).values()
    assert (each.code, each.severity) == ("hangs-on-seed", "warning")
    assert said in each.message


@pytest.mark.parametrize("changes", [{"ranks": 0.8}, {"held_out": 0.5}])
def test_a_reward_that_hangs_on_the_number_of_demonstrations(changes):
    (each,) = codes(*SAME, replace(HALF, **changes), QUARTER).values()
    assert (each.code, each.severity) == ("hangs-on-demonstrations", "warning")
    assert "a half of the trajectories" in each.message


def test_the_probe_that_changes_most():
    assert HALF.farthest(SEEN) == (RANDOM_ACTIONS, pytest.approx(-0.05))
    assert replace(HALF, aurocs={}).farthest(SEEN) is None


def test_a_thorough_diagnosis_is_the_quick_one_and_more():
    demos, model = sparse(), RED(REDConfig(**TINY, seed=3)).fit(sparse())
    (quick,), (found,) = (diagnose({"red": model}, demos, thorough=thorough) for thorough in (False, True))
    assert [refit.what for refit in found.refits] == [
        "seed 4",
        "seed 5",
        "seed 6",
        "a half of the trajectories",
        "a quarter of the trajectories",
    ]
    again = RED(REDConfig(**TINY, seed=4)).fit(demos)
    assert found.refits[0].held_out == pytest.approx(float(again.held_out_reward_.mean()))
    assert set(found.refits[0].aurocs) == set(found.sight.probes)
    one, other = quick.to_dict(), json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert one["refits"] == []
    assert len(other["refits"]) == 5
    assert one["probes"] == other["probes"]
