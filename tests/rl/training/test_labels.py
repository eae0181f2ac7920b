"""Runs on demonstrations without actions: when they are labelled, and what is done without labels."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sbx")

from gymnasium.spaces import Box, Discrete, MultiDiscrete
from steering import CONFIG, REWARD, demonstrations, steer

from rexd.demos.states_alone import without_actions
from rexd.rl.replay import inverse_model
from rexd.rl.training import labels as module
from rexd.rl.training.labels import Labels, in_units, labels_states
from rexd.rl.training.train import train

STATES = replace(CONFIG, warm_start=30, actor_starts=60, reward=replace(REWARD, inputs="state-next-state"))


class Fake:
    """A learner that says which labels it was asked for."""

    def __init__(self, rows, steps=0):
        self.rows, self.steps, self.asked, self.started = rows, steps, [], []

    def label(self, rows):
        self.asked.append(rows)
        return np.full((self.rows, 1), rows / 10_000.0, np.float32)

    def warm_start(self, policy):
        self.started.append(policy)


def made(**settings):
    shown = without_actions(demonstrations(2))
    clone = lambda labelled: float(labelled.trajectories[0].actions[0, 0])  # noqa: E731 - a clone that is told apart
    return Labels(shown, Box(-2.0, 2.0, (1,)), clone, **{"cloned_until": 2_000, **settings}), Fake(shown.n_transitions)


def test_labels_are_made_ever_more_rarely():
    labels, _ = made()
    assert [*labels.due(0, 12_000)] == [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 10_000, 12_000]
    assert [*labels.due(8_000, 20_000)] == [10_000, 12_000, 15_000, 18_000]


def test_the_policy_starts_from_clones_while_it_only_clones():
    labels, learner = made()
    for step in labels.due(0, 4_000):
        labels.make(learner, step)
    assert learner.asked == [1_000, 2_000, 3_000, 4_000]
    np.testing.assert_allclose(learner.started, [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(labels.latest.transitions().act, 0.8)
    assert labels.latest.has_actions


def test_the_first_labels_start_the_policy_however_soon_it_learns():
    labels, learner = made(cloned_until=0)
    for step in labels.due(0, 3_000):
        labels.make(learner, step)
    np.testing.assert_allclose(learner.started, [0.2], rtol=1e-6)


@pytest.mark.parametrize(("steps", "asked"), [(0, []), (999, []), (2_400, [2_000]), (11_999, [10_000])])
def test_a_resumed_learner_gets_the_labels_that_it_had(steps, asked):
    labels, learner = made()
    learner.steps = steps
    labels.restore(learner)
    assert learner.asked == asked
    assert learner.started == []


def test_labels_in_the_units_of_the_environment():
    one_hot = np.float32([[0, 1, 0, 0, 1], [1, 0, 1, 0, 0]])
    np.testing.assert_allclose(
        in_units(Box(np.float32([-2.0]), np.float32([1.0])), np.float32([[-1], [0]])), [[-2], [-0.5]]
    )
    assert in_units(Discrete(5), one_hot[:, [1, 0, 2, 3, 4]] * np.float32([1, 1, 0, 0, 0])).tolist() == [0, 1]
    assert in_units(MultiDiscrete([2, 3]), one_hot).tolist() == [[1, 2], [0, 0]]


def test_which_runs_label():
    config, shown = replace(CONFIG, steps=5_000), without_actions(demonstrations(2))
    assert labels_states(config, shown)
    assert not labels_states(config, None)
    assert not labels_states(config, demonstrations(2))
    assert not labels_states(replace(config, inverse_model=False), shown)
    assert not labels_states(replace(config, algorithm="sb3-ppo"), shown)
    assert not labels_states(replace(config, steps=1_000), shown)


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 40)
    monkeypatch.setattr(inverse_model, "UPDATES", 30)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["sbx-sac", "sb3-sac"])
def test_states_alone_are_labelled_replayed_and_cloned(tmp_path, soon, monkeypatch, algorithm):
    from rexd.rl.learners.from_demonstrations import DemonstrationLearner

    seen, schedules = [], []
    label = DemonstrationLearner.label

    def spy(self, rows):
        before = self.draw(1, 16)
        labels = label(self, rows)
        schedules.append(getattr(self, "schedule", None))
        seen.append((rows, self.replay_buffer.size(), before.clone_obs.shape, self.draw(1, 16).clone_obs.shape, labels))
        return labels

    monkeypatch.setattr(DemonstrationLearner, "label", spy)
    shown = without_actions(demonstrations())
    run = train(shown, env=steer, out=tmp_path / "run", config=STATES, algorithm=algorithm, progress=False)
    assert [rows for rows, *_ in seen] == [40, 80]
    assert all(rows == size for rows, size, *_ in seen)
    assert [before for _, _, before, *_ in seen] == [(1, 0, 3), (1, 8, 3)]
    assert [after for *_, after, _ in seen] == [(1, 8, 3)] * 2
    assert all(np.abs(labels).max() <= 1.0 and len(labels) == shown.n_transitions for *_, labels in seen)
    if algorithm == "sbx-sac":  # critics that know wrong labels are not followed
        assert {schedule.starts for schedule in schedules} == {STATES.actor_starts + inverse_model.SETTLED}
    assert "clone" not in run.evaluation
    assert run.evaluation["demonstrations"]["learned"]["mean"] > 0.0


@pytest.mark.slow
def test_a_resumed_run_has_the_labels_of_the_run_that_was_not_stopped(tmp_path, soon, monkeypatch):
    from rexd.rl.learners.from_demonstrations import DemonstrationLearner

    made = []
    label = DemonstrationLearner.label

    def spy(self, rows):
        made.append((rows, label(self, rows)))
        return made[-1][1]

    monkeypatch.setattr(DemonstrationLearner, "label", spy)
    shown, folder = without_actions(demonstrations()), tmp_path / "run"
    train(shown, env=steer, out=folder, config=STATES, steps=96, progress=False)
    before, made[:] = list(made), []
    train(shown, env=steer, out=folder, config=STATES, steps=104, resume=True, progress=False)
    assert [rows for rows, _ in made] == [80]
    np.testing.assert_array_equal(made[0][1], before[-1][1])


@pytest.mark.parametrize("algorithm", ["sbx-sac", "sb3-sac", "sb3-ppo"])
def test_without_labels_the_reward_alone_teaches(tmp_path, algorithm):
    shown = without_actions(demonstrations(terminates=True, last=True))
    run = train(
        shown, env=steer, out=tmp_path / "run", config=STATES, algorithm=algorithm, inverse_model=False, progress=False
    )
    assert run.evaluation["steps"] >= STATES.steps
    assert all(np.isfinite(record["learned_return"]) for record in run.metrics())
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train"]["inverse_model"] is False


@pytest.mark.slow
def test_discrete_labels(tmp_path, soon):
    shown = without_actions(demonstrations())
    run = train(shown, env=lambda: steer(discrete=True), out=tmp_path / "run", config=STATES, progress=False)
    assert run.config.algorithm == "sbx-sac-discrete"
    assert run.evaluation["steps"] == STATES.steps


@pytest.mark.slow
def test_the_same_states_with_absorbing_states(tmp_path, soon):
    shown = without_actions(demonstrations(terminates=True, last=True))
    run = train(
        shown,
        env=lambda: steer(terminates=True),
        out=tmp_path / "run",
        config=STATES,
        absorbing=True,
        progress=False,
    )
    assert run.evaluation["steps"] == STATES.steps
