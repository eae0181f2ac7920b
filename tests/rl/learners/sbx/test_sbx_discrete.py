"""The learner of discrete actions: one choice, and several at the same time."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sbx")

import sbx
from gymnasium.spaces import MultiDiscrete
from pointmass import SCALE, choosing_expert, demonstrate, discrete_expert, raw_observations, vec_env
from safetensors.numpy import load_file, save_file

from rexd.rl.config import TrainConfig
from rexd.rl.learners.sbx.learner import SbxLearner
from rexd.rl.policies.cloning import clone
from rexd.rl.policies.policy import load_policy
from rexd.rl.replay.demonstrations import DemonstrationReplay

CONFIG = TrainConfig(
    algorithm="sbx-sac-discrete",
    steps=100,
    batch_size=16,
    learning_starts=8,
    updates_every=4,
    seed=5,
    learning_rate=1e-3,
    warm_start=0,
    actor_starts=0,
    actor_ramp=0,
)
SEVERAL = MultiDiscrete([3, 2])
KINDS = {"one": (discrete_expert, {"discrete": True}, ()), "several": (choosing_expert, {"choices": SEVERAL}, (3, 2))}


def build(kind, config=CONFIG):
    act, space, _ = KINDS[kind]
    demos = demonstrate(act=act)
    replay = DemonstrationReplay.of(demos, np.ones(demos.n_transitions, np.float32), SCALE)
    return SbxLearner(config, vec_env(**space), SCALE, replay)


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def learners():
    """One that has learnt for 30 steps, and one that is as it was built: the point mass takes one choice."""
    learnt = build("one")
    learnt.learn(30, None)
    return {"one": learnt, "several": build("several")}


@pytest.fixture
def learner(learners, kind):
    return learners[kind]


def test_steps_and_losses(learners):
    learner = learners["one"]
    assert learner.steps == 30
    assert all(np.isfinite(value) for value in learner.losses().values())
    assert set(np.unique(learner.model.replay_buffer.actions[:30])) == {0.0, 1.0}
    assert (learner.model.replay_buffer.actions[:30].sum(axis=-1) == 1.0).all()


def test_the_policy_plays_what_the_averaged_actor_prefers(learner, kind):
    choices = KINDS[kind][2]
    observations = raw_observations()
    policy = learner.policy()
    assert policy.spec.choices == choices
    found, _ = policy.predict(observations)
    kept, learner.model.policy.actor_state = (
        learner.model.policy.actor_state,
        learner.model.policy.actor_state.replace(params=learner.model.average_actor),
    )
    expected, _ = learner.model.predict(SCALE.apply(observations), deterministic=True)
    learner.model.policy.actor_state = kept
    assert found.shape == (len(observations), *((2,) if choices else ()))
    np.testing.assert_array_equal(found, expected)


def test_samples_are_actions_of_the_space(learner):
    for observation in raw_observations(20):
        action, _ = learner.model.predict(SCALE.apply(observation), deterministic=False)
        assert learner.space.contains(action)


def test_a_clone_keeps_its_choices_and_explores(kind):
    learner, demos = build(kind), demonstrate(act=KINDS[kind][0])
    cloned = clone(demos, action_space=demos.n_actions, updates=400)
    learner.warm_start(cloned)
    observations = raw_observations(200)
    np.testing.assert_array_equal(learner.policy().predict(observations)[0], cloned.predict(observations)[0])
    logits = learner.model.policy.actor_state.apply_fn(
        learner.model.policy.actor_state.params, learner.model.demonstrations.obs
    )
    assert float(logits.entropy().mean()) == pytest.approx(learner.model.target_entropy, rel=0.05)


def test_a_checkpoint_brings_everything_back(learner, kind, tmp_path):
    save_file(learner.state(), tmp_path / "state.safetensors")
    other = build(kind, replace(CONFIG, seed=6))
    other.load_state(load_file(tmp_path / "state.safetensors"))
    observations = raw_observations()
    np.testing.assert_array_equal(other.policy().predict(observations)[0], learner.policy().predict(observations)[0])
    assert other.steps == learner.steps


def test_a_policy_file_and_a_zip_play_the_same(learner, tmp_path):
    observations = raw_observations()
    expected, _ = learner.policy().predict(observations)
    np.testing.assert_array_equal(
        load_policy(learner.policy().save(tmp_path / "policy.safetensors")).predict(observations)[0], expected
    )
    learner.save_zip(tmp_path / "policy.zip")
    loaded = sbx.SAC.load(tmp_path / "policy.zip")
    np.testing.assert_array_equal(loaded.predict(observations.astype(np.float32), deterministic=True)[0], expected)


@pytest.mark.parametrize("source", ["constant", "adversarial"])
def test_controls(source):
    learner = build("one", replace(CONFIG, reward_source=source))
    learner.learn(20, None)
    assert all(np.isfinite(value) for value in learner.losses().values())
    assert ("discriminator" in learner.losses()) is (source == "adversarial")
