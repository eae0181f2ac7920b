"""Clones are judged after the policies of a run, and all lengths of their fit where nothing else was gained."""

from types import SimpleNamespace

import pytest

from rexd.rl.observers.observer import Silent
from rexd.rl.selection.clone_candidates import CloneCandidates
from rexd.rl.selection.fallback import EARNS_MORE, FALLS_LESS, Fallback
from rexd.rl.selection.judge import Standing

HELD_OUT = 250
BEST = {"learned_return": 40.0, "length": 50.0, "steps": 9_000}


class Fit:
    """A clone is the number of its updates here."""

    def best_updates(self):
        return HELD_OUT

    def policy(self, updates):
        return updates


class Judge:
    """Selects what earns as much as what is best so far."""

    def __init__(self, earned, falls_less=False):
        self.earned, self.less, self.judged = earned, falls_less, []

    def __call__(self, clone, standing):
        self.judged.append(clone)
        earned = self.earned.get(clone, 0.0)
        selected = earned >= standing.best
        now = Standing(max(earned, standing.best), steps=standing.steps + 1)
        evaluation = SimpleNamespace(learned=SimpleNamespace(mean=earned))
        return SimpleNamespace(selected=selected, standing=now, evaluation=evaluation)

    def falls_less(self, clone, standing):
        return self.less, standing


class Telling(Silent):
    def __init__(self):
        self.messages, self.steps = [], []

    def message(self, text):
        self.messages.append(text)

    def step(self, steps, total, learned_return):
        self.steps.append((steps, total, learned_return))


@pytest.fixture(autouse=True)
def lengths(monkeypatch):
    monkeypatch.setattr("rexd.rl.selection.fallback.LENGTHS", (100, 200, 300))


def judged(earned, best=BEST, *, ran=10_000, falls_less=False, **settings):
    """What is kept, whether a clone is, what has earned most, and who was told."""
    judge, kept, told = Judge(earned, falls_less), [], Telling()
    fallback = Fallback(Fit, demonstrated=0.8, **{"cloned_until": 2_000, **settings})
    candidates = CloneCandidates(fallback, judge, lambda clone: clone, kept.append, told)
    found, standing = candidates.judge_after(best, Standing(40.0), ran=ran)
    return SimpleNamespace(kept=kept, found=found, best=standing.best, judge=judge, told=told)


def test_a_clone_that_earns_less_is_judged_and_not_kept():
    run = judged({HELD_OUT: 39.0, 200: 50.0})
    assert (run.kept, run.found, run.best, run.judge.judged) == ([], False, 40.0, [HELD_OUT])
    assert not run.told.messages


def test_where_the_clone_earns_more_the_length_that_earns_most_is_kept():
    run = judged({HELD_OUT: 41.0, 100: 45.0, 200: 50.0, 300: 49.0})
    assert (run.kept, run.found, run.best) == ([HELD_OUT, 100, 200], True, 50.0)
    assert run.told.messages[0] == EARNS_MORE
    assert run.told.messages[-1] == "the clone of 200 updates earns 50: best so far"
    assert run.told.steps == [(10_000, 10_000, earned) for earned in (45.0, 50.0, 49.0)]


def test_so_it_is_where_the_best_policy_only_cloned():
    run = judged({HELD_OUT: 39.0, 300: 44.0}, {**BEST, "steps": 2_000})
    assert (run.kept, run.found, run.best) == ([300], True, 44.0)
    assert not any("is kept" in message for message in run.told.messages)


def test_the_policy_that_only_cloned_may_be_the_best_clone():
    run = judged({HELD_OUT: 39.0, 300: 39.5}, {**BEST, "steps": 2_000})
    assert (run.kept, run.found, run.best) == ([], False, 40.0)
    assert run.judge.judged == [HELD_OUT, 100, 200, 300]


@pytest.mark.parametrize("earned", [39.0, 41.0])
def test_a_run_that_ends_while_it_only_clones_tries_no_other_lengths(earned):
    run = judged({HELD_OUT: earned, 300: 44.0}, {**BEST, "steps": 2_000}, ran=2_000)
    assert run.judge.judged == [HELD_OUT]
    assert run.found == (earned > 40.0)


def test_where_the_reward_says_nothing_it_does_not_choose_among_clones():
    run = judged({300: 44.0}, {**BEST, "learned_return": 1.0})
    assert (run.kept, run.found, run.judge.judged) == ([HELD_OUT], True, [])


@pytest.mark.parametrize("terminal", [False, True])
def test_a_clone_that_falls_less_is_kept_as_it_is(terminal):
    run = judged({HELD_OUT: 39.0, 300: 44.0}, falls_less=True, terminal=terminal)
    assert (run.kept, run.found) == (([], False) if terminal else ([HELD_OUT], True))
    assert run.told.messages == ([] if terminal else [FALLS_LESS])
    assert run.judge.judged == [HELD_OUT]
