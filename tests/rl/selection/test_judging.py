"""A policy is judged at once, or beside the training where that is worth it and gives the same verdict."""

import pytest

pytest.importorskip("gymnasium")

from rexd.evaluation.evaluate import Episode, Evaluation
from rexd.evaluation.statistics import summarise
from rexd.rl.selection import judging as module
from rexd.rl.selection.judge import Judge, Standing
from rexd.rl.selection.judging import Judging


def play(policy, episodes, seed):
    return Evaluation((Episode(policy, policy, 5),) * episodes, summarise([policy]), summarise([policy]))


JUDGE = Judge(play, 2, 0)


class Beside:
    """In the place of the process: judges when it is asked for the verdict."""

    started: list["Beside"] = []  # noqa: RUF012
    other = 0.0  # what this process's environment pays more
    is_ready = True

    def __init__(self):
        self.asked, self.closed, self.lost = [], False, False

    @classmethod
    def start(cls, judge):
        cls.started.append(cls())
        return cls.started[-1]

    def begin(self, policy, standing):
        self.asked.append((policy, standing))

    def ready(self):
        return self.is_ready

    def verdict(self):
        if self.lost:
            raise EOFError
        policy, standing = self.asked[-1]
        return JUDGE(policy + self.other, standing)

    def close(self):
        self.closed = True


@pytest.fixture
def beside(monkeypatch):
    """The kind of process that is started; evaluations seem to take a second each, and there are two cores."""
    kind = type("Kind", (Beside,), {"started": []})
    seconds = iter(range(10**6))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(seconds)))
    monkeypatch.setattr(module, "cores", lambda: 2)
    monkeypatch.setattr(module, "JudgingProcess", kind)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return kind


def judged(policies, left=20):
    """The verdicts, and whether each was there at once."""
    found, standing = [], Standing()
    with Judging(JUDGE) as judging:
        for policy in policies:
            at_once = judging.begin(policy, standing, left=left)
            assert judging.ready() is not at_once
            verdict = judging.verdict()
            standing = verdict.standing
            found.append((verdict, at_once))
    return found


def expected(policies):
    found, standing = [], Standing()
    for policy in policies:
        found.append(JUDGE(policy, standing))
        standing = found[-1].standing
    return found


POLICIES = [1.0, 3.0, 2.0, 4.0]


def test_from_the_second_policy_on_verdicts_are_found_beside(beside):
    found = judged(POLICIES)
    assert [verdict for verdict, _ in found] == expected(POLICIES)
    assert [at_once for _, at_once in found] == [True, False, False, False]
    assert len(beside.started) == 1
    assert beside.started[0].closed


def test_a_process_that_finds_another_verdict_is_not_used(beside):
    beside.other = 1e-12
    found = judged(POLICIES)
    assert [verdict for verdict, _ in found] == expected(POLICIES)
    assert all(at_once for _, at_once in found)
    assert len(beside.started) == 1
    assert beside.started[0].closed


def test_a_process_that_is_not_ready_is_waited_for(beside):
    beside.is_ready = False
    with Judging(JUDGE) as judging:
        for policy in POLICIES[:2]:
            assert judging.begin(policy, Standing(), left=20)
        beside.is_ready = True
        assert not judging.begin(POLICIES[2], Standing(), left=20)
    assert len(beside.started) == 1


def test_a_process_that_is_lost_is_done_without(beside):
    with Judging(JUDGE) as judging:
        judging.begin(1.0, Standing(), left=20)
        assert not judging.begin(3.0, Standing(), left=20)
        beside.started[0].lost = True
        assert judging.verdict() == JUDGE(3.0, Standing())
        assert judging.begin(2.0, Standing(), left=20)
        assert judging.verdict() == JUDGE(2.0, Standing())
    assert len(beside.started) == 1


def test_a_process_that_is_lost_between_two_policies(beside):
    with Judging(JUDGE) as judging:
        judging.begin(1.0, Standing(), left=20)
        judging.begin(3.0, Standing(), left=20)
        judging.verdict()
        beside.started[0].lost = True
        assert not judging.begin(2.0, Standing(), left=20)
        assert judging.verdict() == JUDGE(2.0, Standing())
        assert judging.begin(4.0, Standing(), left=20)


@pytest.mark.parametrize(("cores", "threads", "left"), [(1, "", 1000), (2, "1", 1000), (2, "", 10)])
def test_one_core_or_little_left_to_play_starts_no_process(beside, monkeypatch, cores, threads, left):
    monkeypatch.setattr(module, "cores", lambda: cores)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert all(at_once for _, at_once in judged(POLICIES, left=left))
    assert beside.started == []
