"""Whoever judges the reward of a run before its training: when it is asked, what it is told, and what it changes."""

from dataclasses import replace

import pytest

pytest.importorskip("stable_baselines3")

from steering import REWARD
from test_starts import CONFIG
from troublesome import Endless, shown

from rexd.reward.checks import CLONE, RANDOM_POLICY, ZERO_ACTIONS
from rexd.reward.red.red import RED
from rexd.rl.training.run_folder import DIAGNOSIS_FILE, METRICS_FILE, REWARD_FILE
from rexd.rl.training.train import train

MEASURED = "seconds"


class Judge:
    """Keeps what it is told, and lets the run go on or not."""

    def __init__(self, *, goes_on=True):
        self.goes_on, self.told = goes_on, []

    def __call__(self, model, demonstrations, played):
        self.told.append((model, demonstrations, played))
        return self.goes_on


@pytest.fixture
def start(tmp_path):
    """Train in a folder of ``tmp_path``."""

    def start(name="run", **kwargs):
        return train(shown(), env=Endless, out=tmp_path / name, **{"config": CONFIG, **kwargs})

    return start


def test_it_is_told_of_the_reward_and_of_what_the_fit_has_played(start):
    judge = Judge()
    run = start(examine=judge)
    ((model, demonstrations, played),) = judge.told
    assert demonstrations.sha256 == model.demonstrations_sha256_
    assert list(played.episodes) == [RANDOM_POLICY, ZERO_ACTIONS, CLONE]
    rows = {check.name: check.rows for check in model.checks_ if check.name in played.episodes}
    assert {name: sum(map(len, each)) for name, each in played.episodes.items()} == {
        n: rows[n] for n in played.episodes
    }
    assert len(played.beginner) == rows[CLONE]
    assert run.evaluation is not None


def test_a_run_that_does_not_go_on_is_kept_and_can_be_resumed(start, tmp_path):
    run = start(examine=Judge(goes_on=False))
    assert run.evaluation is None
    assert {path.name for path in run.path.iterdir()} == {"config.json", REWARD_FILE}
    judge = Judge(goes_on=False)
    resumed = start(examine=judge, resume=True)
    assert judge.told == []  # the reward was judged before
    assert resumed.evaluation is not None
    assert figures(resumed) == figures(start("other"))


def figures(run):
    return [{name: value for name, value in record.items() if name != MEASURED} for record in run.metrics()]


@pytest.mark.slow
def test_the_diagnosis_changes_nothing_that_a_run_computes(start):
    from rexd.diagnosis.diagnose import diagnose

    def judge(model, demonstrations, played):
        (found,) = diagnose({"red": model}, demonstrations, played=played)
        grades.append(found.grade)
        return True

    grades = []
    runs = [start("with", examine=judge), start("without")]
    assert len(grades) == 1
    assert (runs[0].path / METRICS_FILE).is_file()
    assert figures(runs[0]) == figures(runs[1])
    for name in (REWARD_FILE, "policy.safetensors", "last_policy.safetensors"):
        assert (runs[0].path / name).read_bytes() == (runs[1].path / name).read_bytes()


@pytest.mark.parametrize("source", ["env", "constant"])
def test_controls_have_no_reward_to_judge(start, source):
    judge = Judge(goes_on=False)
    assert start(examine=judge, config=replace(CONFIG, reward_source=source)).evaluation is not None
    assert judge.told == []


def test_a_reward_that_is_given_was_fitted_without_the_environment(start):
    judge, given = Judge(), RED(replace(REWARD, updates=5)).fit(shown())
    start(examine=judge, reward=given)
    ((model, _, played),) = judge.told
    assert (model, played) == (given, None)


def test_a_start_that_fails_after_the_diagnosis_leaves_nothing(start, tmp_path, monkeypatch):
    def judge(model, demonstrations, played):
        (tmp_path / "run" / DIAGNOSIS_FILE).write_text("{}")
        return True

    def fail(*args):
        raise ArithmeticError("singular")

    monkeypatch.setattr("rexd.rl.training.learner.build_learner", fail)
    with pytest.raises(ArithmeticError, match="singular"):
        start(examine=judge)
    assert list(tmp_path.iterdir()) == []
