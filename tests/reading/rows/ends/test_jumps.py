"""Jumps of the state, where next observations are chained across resets and where nothing records ends."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from returning import episodes

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.doubt import Doubt
from rexd.errors import DemonstrationError
from rexd.inspection.data import find
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.ends.jumps import jumps_at, period_of_jumps, visible_lengths
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints

STEPS = 50


def reaching(count: int, *, goal: bool = True, steps: int = STEPS) -> NDArray[np.float64]:
    """Trajectories that begin anywhere; with a goal, which changes from one to the next."""
    rng = np.random.default_rng(1)
    walks = np.cumsum(rng.normal(0, 0.02, (count, steps, 3)), axis=1) + rng.uniform(-5, 5, (count, 1, 3))
    goals = np.repeat(rng.uniform(-5, 5, (count, 1, 2)), steps, axis=1)
    return np.concatenate([walks, goals] if goal else [walks], axis=2).reshape(count * steps, -1)


def chained(observations: NDArray[Any], hints: Hints | None = None, **flags: Any) -> Demonstrations:
    """Read rows whose next observation is always the row that follows."""
    following = np.concatenate([observations[1:], observations[-1:]])
    columns = RecordedColumns(observations, np.ones((len(observations), 1)), following, **flags)
    return from_steps("f.pkl", columns, hints=hints or Hints())


@pytest.mark.parametrize("goal", [True, False])
def test_a_time_limit_that_explains_the_jumps_wins(goal: bool) -> None:
    demos = chained(reaching(100, goal=goal), Hints(max_episode_steps=STEPS))
    assert demos.lengths.tolist() == [STEPS] * 100
    assert [int((~t.next_known).sum()) for t in demos] == [1] * 99 + [0]
    assert not demos.trajectories[0].next_known[-1]
    np.testing.assert_array_equal(demos.trajectories[0].next_observations[-1], demos.trajectories[0].observations[-1])
    assert all(t.truncated[-1] and not t.terminated.any() for t in demos)
    assert "time limit of 50: the state jumps there" in demos.notes[0]
    assert "counts as unknown" in demos.notes[0]
    assert "next-episode-observation" not in {finding.code for finding in find(demos)}


def test_ends_that_are_marked_are_kept_beside_those_of_the_limit() -> None:
    first = reaching(3)
    cut = np.concatenate([first[:20], first[50:]])  # the first trajectory reaches a terminal state at step 20
    demos = chained(cut, Hints(max_episode_steps=STEPS), terminated=np.arange(len(cut)) == 19)
    assert demos.lengths.tolist() == [20, 50, 50]
    assert [bool(t.terminated[-1]) for t in demos] == [True, False, False]


def test_a_last_trajectory_that_was_cut_off() -> None:
    assert chained(reaching(5)[:-30], Hints(max_episode_steps=STEPS)).lengths.tolist() == [50, 50, 50, 50, 20]


def test_a_limit_that_explains_nothing_does_not_cut() -> None:
    walk = np.cumsum(np.random.default_rng(0).normal(size=(500, 3)), axis=0)
    assert chained(walk, Hints(max_episode_steps=STEPS)).lengths.tolist() == [500]
    assert chained(reaching(10), Hints(max_episode_steps=40)).lengths.tolist() == [500]
    assert chained(np.zeros((500, 2)), Hints(max_episode_steps=STEPS)).lengths.tolist() == [500]


@pytest.mark.parametrize("goal", [True, False])
def test_without_a_limit_the_period_is_a_warning(goal: bool) -> None:
    demos = chained(reaching(20, goal=goal))
    assert demos.lengths.tolist() == [1000]
    doubt = next(note for note in demos.notes if isinstance(note, Doubt))
    assert doubt.code == "chained-trajectories"
    assert "jumps after every 50 steps" in doubt
    assert "these may be 20 trajectories" in doubt
    assert "--episode-length 50" in doubt.mend
    assert [f.severity for f in find(demos) if f.code == "chained-trajectories"] == ["warning"]


def test_one_trajectory_raises_no_doubt() -> None:
    walk = np.cumsum(np.random.default_rng(0).normal(size=(500, 3)), axis=0)
    wave = np.sin(np.arange(500)[:, None] * np.array([0.1, 0.23, 0.31]))
    for rows in (walk, wave, reaching(1)):
        assert not [note for note in chained(rows).notes if isinstance(note, Doubt)]


def test_jumps_may_stand_at_other_starts_too() -> None:
    rows = reaching(4)
    asked, others = np.zeros(200, bool), np.zeros(200, bool)
    asked[[50, 150]] = True
    assert not jumps_at(rows, asked, others)
    others[100] = True
    assert jumps_at(rows, asked, others)


def test_periods_need_two_jumps() -> None:
    assert period_of_jumps(reaching(3)) == STEPS
    assert period_of_jumps(reaching(2)) is None


def test_visible_lengths() -> None:
    unequal = np.concatenate([reaching(1, steps=n) + 3 * k for k, n in enumerate([105, 109, 107])])
    assert visible_lengths(unequal) == [105, 109, 107]
    assert visible_lengths(reaching(4)) == [50] * 4
    assert visible_lengths(np.random.default_rng(0).normal(size=(200, 3))) is None


def without_ends(observations: NDArray[Any], hints: Hints | None = None) -> str:
    with pytest.raises(DemonstrationError) as caught:
        from_steps("f.pkl", RecordedColumns(observations, np.ones((len(observations), 1))), hints=hints or Hints())
    return str(caught.value)


def test_lengths_that_differ_are_not_asked_for_one_length() -> None:
    rows = np.concatenate([reaching(1, steps=n) + 3 * k for k, n in enumerate([105, 109, 107, 106])])
    message = without_ends(rows)
    assert "Store `terminated` and `truncated`" in message
    assert "if this is one trajectory: --episode-length 427" in message
    assert message.index("Store") < message.index("--episode-length")
    assert "jumps after 105 to 109 steps; if trajectories begin there: --lengths 105,109,107,106" in message


@pytest.mark.parametrize("rows", [7, 101, 1001, 420])
@pytest.mark.parametrize("seed", [0, 1])
def test_only_lengths_that_can_be_true_are_proposed(rows: int, seed: int) -> None:
    message = without_ends(np.random.default_rng(seed).normal(size=(rows, 3)))
    proposed = [int(number) for number in re.findall(r"--episode-length (\d+)", message)]
    assert proposed[0] == rows
    assert all(rows % number == 0 for number in proposed)
    refused = without_ends(np.zeros((rows, 2)), Hints(episode_length=rows - 1))
    near = int(re.findall(r"such as (\d+)", refused)[0])
    assert near > 1
    assert rows % near == 0


def test_equal_walks_that_return_are_still_inferred() -> None:
    demos = chained(episodes([60] * 4))
    assert demos.lengths.tolist() == [60] * 4
