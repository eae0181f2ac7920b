"""Rewards that fail, made by their settings or their rows, are told from those that work."""

from dataclasses import replace

import numpy as np
import pytest
from circling import TINY, VELOCITIES, circling, sparse
from pixel_task import watched

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import fit_to_spaces
from rexd.demos.trajectory import Trajectory
from rexd.diagnosis.diagnose import diagnose, fit_for_diagnosis
from rexd.diagnosis.episodes import NOISE, noisy_clone, play
from rexd.envs.factory import EnvironmentFactory
from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.inspection.data.finding import exit_status
from rexd.reading.anything import demonstrations_of
from rexd.reading.bundled import bundled_demonstrations
from rexd.reward.checks import CLONE, EXPERT, RANDOM_POLICY, STANDSTILL, ZERO_ACTIONS
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows
from rexd.rl.training.reward_in_env import Played, fit_in_environment

MIDDLING = REDConfig(target_layers=(128, 128), predictor_layers=(128,), outputs=32, updates=250)
NARROW = 1e-5


def codes(found):
    return {finding.code: finding.severity for finding in found.findings}


def judged(demos, config=MIDDLING, **given):
    played, velocities = given.get("played"), given.get("velocities")
    model = fit_for_diagnosis(config, demos, played, velocities)
    return diagnose({"red": model}, demos, **given)[0]


@pytest.fixture(scope="module")
def working():
    return judged(sparse(), velocities=VELOCITIES)


def test_a_reward_that_works_is_good(working):
    assert working.grade.word == "good"
    assert exit_status(working.findings) == 0
    assert working.sight.same
    assert working.sight.probes["states with noise of 3 sd"].auroc > 0.99
    assert {finding.severity for finding in working.findings} <= {"info"}


def test_a_bandwidth_that_pays_held_out_rows_nearly_everything_is_seen():
    found = judged(sparse(), replace(MIDDLING, shape="exponential", median_reward=0.9))
    assert found.sight.expert.pays > 0.85
    assert codes(found)["flat-near-expert"] == "warning"
    assert found.grade.word != "good"
    calibrated = judged(sparse(), replace(MIDDLING, shape="exponential", median_reward=0.5))
    assert "flat-near-expert" not in codes(calibrated)


@pytest.mark.parametrize(("sigma", "code"), [(1e-6, "flat"), (1e9, "saturated")])
def test_a_bandwidth_that_is_far_off_is_an_error(sigma, code):
    found = judged(sparse(), replace(MIDDLING, shape="exponential", sigma=sigma))
    assert codes(found)[code] == "error"
    assert found.grade.word == "poor"


def regulating() -> Demonstrations:
    """The expert of the circle, whose observations lie within a hair of one point."""
    made = circling()
    return replace(made, trajectories=tuple(replace(t, observations=_near(t.observations),
                   next_observations=_near(t.next_observations)) for t in made))  # fmt: skip


def _near(observations):
    return (0.5 + NARROW * observations).astype(np.float32)


def straying(size, seed=1, count=4, steps=50):
    """Episodes of a policy that strays from the point by ``size``."""
    rng = np.random.default_rng(seed)
    return [
        Trajectory.from_steps(
            (0.5 + size * rng.normal(size=(steps + 1, 5))).astype(np.float32),
            rng.uniform(-1.0, 1.0, (steps, 2)).astype(np.float32),
        )
        for _ in range(count)
    ]


def test_the_scale_of_the_demonstrations_alone_does_not_reach_the_clone_of_a_regulator():
    demos = regulating()
    episodes = {RANDOM_POLICY: straying(1.0), CLONE: straying(0.3)}
    played = Played(episodes | {noisy_clone(size): straying(0.3 + size) for size in NOISE}, None)
    alone = RED(MIDDLING).fit(demos)
    reaching = fit_for_diagnosis(MIDDLING, demos, played, None)
    one, other = diagnose({"alone": alone, "reaching": reaching}, demos, played=played)
    assert (one.name, other.name) == ("alone", "reaching")
    assert codes(one)["out-of-reach"] == "error"
    assert one.grade.word == "poor"
    assert "out-of-reach" not in codes(other)


def played_from_afar():
    """Episodes of a clone, and of random play, far from all that the expert of the circle does."""
    far = {name: [_moved(t, 6.0) for t in straying(1.0, seed)] for seed, name in enumerate((CLONE, RANDOM_POLICY))}
    return Played(far, None)


def _moved(t, by):
    return replace(
        t, observations=t.observations + np.float32(by), next_observations=t.next_observations + np.float32(by)
    )


def test_a_reward_with_a_way_is_judged_by_what_it_pays():
    found = judged(sparse(), played=played_from_afar())
    assert found.sight.way
    assert found.to_dict()["way"] is True
    assert codes(found)["clone-far-from-expert"] == "info"
    assert found.grade.word == "good"
    moved = found.sight.probes["states with noise of 0.3 sd"]
    wins = [(paid < found.sight.expert.reward).mean() + (paid == found.sight.expert.reward).mean() / 2
            for paid in moved.reward]  # fmt: skip
    assert moved.auroc == pytest.approx(np.mean(wins))
    worst = np.quantile(found.sight.expert.reward, 0.05)
    assert moved.separation.accepted == pytest.approx((moved.reward > worst).mean(), abs=0.01)


@pytest.mark.parametrize(("sigma", "code"), [(1e-6, "flat"), (1e9, "saturated")])
def test_no_way_hides_a_bandwidth_that_is_far_off(sigma, code):
    """With the beginner and the expert paid alike, there is no way, whatever tells their states apart."""
    found = judged(sparse(), replace(MIDDLING, shape="exponential", sigma=sigma), played=played_from_afar())
    assert not found.sight.way
    assert codes(found)[code] == "error"


def periodic(period=20, steps=400):
    """An expert that repeats itself exactly, each trajectory from its own phase."""
    made = []
    for phase in range(4):
        angle = 2.0 * np.pi * (np.arange(steps + 1) + 5 * phase) / period
        rows = np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle)], axis=1).astype(np.float32)
        made.append(Trajectory.from_steps(rows, rows[:-1, :2].copy()))
    return Demonstrations(tuple(made))


def test_a_stride_that_meets_the_period_of_the_expert_is_seen():
    aliased = judged(periodic().subsample(20))
    assert codes(aliased)["unused-rows-are-new"] == "error"
    assert aliased.grade.word == "poor"
    other = judged(periodic().subsample(19))
    assert "unused-rows-are-new" not in codes(other)


def test_a_diagnosis_is_the_same_for_the_same_seed_and_plain_json(working):
    import json

    again = judged(sparse(), velocities=VELOCITIES)
    text = json.dumps(working.to_dict(), allow_nan=False)
    assert json.dumps(again.to_dict(), allow_nan=False) == text
    names = [probe["name"] for probe in working.to_dict()["probes"]]
    assert names[0] == EXPERT
    assert names[-1] == STANDSTILL  # a check that the reward brings, and that is not measured anew


def disturbed(demos, size, seed):
    """The same trajectories with noise on what is observed, and a true return that falls with it."""
    rng = np.random.default_rng(seed)

    def disturb(t):
        noise = size * rng.normal(size=(len(t) + 1, 5)).astype(np.float32)
        return replace(
            t,
            observations=t.observations + noise[:-1],
            next_observations=t.next_observations + noise[1:],
            rewards=np.full(len(t), -size),
        )

    return [disturb(t) for t in demos]


def test_worse_trajectories_are_paid_less(working):
    sizes = (0.1, 0.3, 0.5, 1.0, 2.0)
    data = [t for seed, size in enumerate(sizes) for t in disturbed(circling(seed=9, steps=100), size, seed)]
    mixed = Demonstrations(tuple(data), source="mixed.npz")
    models = {"red": working.sight.model, "upside down": UpsideDown(working.sight.model)}
    right, wrong = diagnose(models, sparse(), data=mixed)
    assert right.sight.ranks.spearman > 0.9
    assert "wrong-order" not in codes(right)
    assert codes(wrong)["wrong-order"] == "error"


class UpsideDown:
    """A reward that pays the more the less another pays."""

    def __init__(self, model):
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def reward_of_novelty(self, novelty):
        return 1.0 - self._model.reward_of_novelty(novelty)

    def paid(self, rows, novelty):
        return self.reward_of_novelty(novelty)


def test_the_reward_alone_is_judged_by_its_own_held_out_rows(working):
    found = diagnose({"reward": working.sight.model}, None)[0]
    assert found.sight.expert.pays == working.sight.expert.pays
    assert [probe["name"] for probe in found.to_dict()["probes"]][1:] == [
        check.name for check in working.sight.model.checks_[1:]
    ]
    assert found.grade.word == "good"
    assert "--env" in found.grade.sentence


def test_a_reward_of_other_columns_is_refused():
    other = RED(**TINY).fit((np.random.default_rng(0).normal(size=(60, 3)), np.zeros((60, 2), np.float32)))
    with pytest.raises(SpaceMismatchError, match=r"observations have shape .*; the reward was fitted to"):
        diagnose({"reward": other}, circling())


def test_images_are_refused():
    with pytest.raises(DemonstrationError, match=r"images of shape .*; expected columns"):
        diagnose({}, demonstrations_of(watched()))


def test_progress_is_told():
    told = []
    model = RED(**TINY).fit(circling())
    diagnose({"red": model}, circling(), step=lambda doing, done, total: told.append((doing, done, total)))
    assert told[-1][0] == "scoring probes"
    assert told[-1][1] == told[-1][2] - 1


@pytest.mark.slow
def test_a_working_reward_on_the_bundled_demonstrations_is_good():
    make_env = EnvironmentFactory("HalfCheetah-v5")
    spaces = make_env()
    demos = bundled_demonstrations("HalfCheetah-v5")
    demos = fit_to_spaces(demos, spaces.observation_space, spaces.action_space)
    played = play(demos, make_env, seed=0)
    model = fit_for_diagnosis(REDConfig(), demos, played, played.velocities)
    found = diagnose({"red": model}, demos, played=played, velocities=played.velocities)[0]
    assert found.grade.word == "good", found.findings
    probes = found.sight.probes
    assert min(probes[name].auroc for name in (RANDOM_POLICY, ZERO_ACTIONS)) > 0.9
    assert probes[CLONE].pays > probes[noisy_clone(NOISE[-1])].pays + 0.2
    as_trained, _ = fit_in_environment(REDConfig(), demos, make_env)
    rows = Rows.of_transitions(demos.transitions())
    assert model.reward_of(rows).tobytes() == as_trained.reward_of(rows).tobytes()
