from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sbx")

import jax
import sbx
from pointmass import HIGH, LOW, SCALE, demonstrate, raw_observations, vec_env
from safetensors.numpy import load_file, save_file

from rexd.errors import RunError
from rexd.rl.config import TrainConfig
from rexd.rl.learners.sbx.learner import EXPLORATION, SbxLearner
from rexd.rl.learners.sbx.sac import AT_ONCE
from rexd.rl.policies.cloning import clone
from rexd.rl.replay.demonstrations import DemonstrationReplay

CONFIG = TrainConfig(
    steps=100, batch_size=16, learning_starts=8, updates_every=4, seed=5, learning_rate=1e-3, warm_start=0
)


def build(config=CONFIG):
    demos = demonstrate()
    rewards = np.ones(demos.n_transitions, np.float32)
    return SbxLearner(config, vec_env(), SCALE, DemonstrationReplay.of(demos, rewards, SCALE, LOW, HIGH))


def equal(state, other):
    return state.keys() == other.keys() and all(np.array_equal(state[name], other[name]) for name in state)


@pytest.fixture(scope="module")
def learner():
    """After 30 steps and 22 updates; only looked at."""
    learner = build()
    assert learner.losses() == {}
    learner.learn(30, None)
    return learner


@pytest.fixture(scope="module")
def fresh():
    return build(replace(CONFIG, seed=6))


def test_it_takes_exactly_the_steps_it_is_asked_for(learner):
    assert learner.steps == 30
    assert learner.model.replay_buffer.size() == 30
    assert learner.model._n_updates == 30 - CONFIG.learning_starts


def test_each_step_may_be_learnt_from_more_often():
    built = build(replace(CONFIG, updates_per_step=3))
    built.learn(14, None)  # the last two steps are a block of their own
    assert built.steps == 14
    assert built.model._n_updates == 3 * (14 - CONFIG.learning_starts)


def test_the_settings_say_whether_critics_value_entropy(fresh):
    assert not fresh.model.backup_entropy
    assert build(replace(CONFIG, backup_entropy=True)).model.backup_entropy


@pytest.mark.parametrize(("source", "steps"), [("learned", 4), ("constant", 4), ("adversarial", 1)])
def test_a_discriminator_pays_single_steps(source, steps):
    assert build(replace(CONFIG, reward_source=source, n_step=4)).model.n_step == steps


@pytest.mark.parametrize(("source", "weight"), [("learned", 0.3), ("constant", 0.0)])
def test_only_learned_rewards_are_shaped(source, weight):
    built = build(replace(CONFIG, reward_source=source, mean_matching=0.3))
    assert built.model.matching.weight == weight


def test_losses_are_plain_numbers(learner):
    losses = learner.losses()
    assert losses.keys() == {"critic", "actor", "cloning", "entropy_coefficient", "q_mean"}
    assert all(type(value) is float and np.isfinite(value) for value in losses.values())


def mode(learner, params):
    """Deterministic actions of the network on standardised observations, in the environment's units."""
    squashed = np.array(learner.model.policy.actor_state.apply_fn(params, SCALE.apply(raw_observations())).mode())
    return LOW + (squashed + 1.0) / 2.0 * (HIGH - LOW)


def test_the_policy_is_the_averaged_actor_on_raw_observations(learner):
    played, _ = learner.policy().predict(raw_observations())
    np.testing.assert_allclose(played, mode(learner, learner.model.average_actor), atol=1e-4)
    assert np.abs(played - mode(learner, learner.model.policy.actor_state.params)).max() > 1e-3
    assert played.std(axis=0).min() > 0.0


def test_noise_has_the_actor_s_spread(learner):
    raw = np.repeat(raw_observations(1), 4000, axis=0)
    policy = learner.policy()
    squashed = (policy.predict(raw, deterministic=False)[0] - LOW) / (HIGH - LOW) * 2.0 - 1.0
    actor = learner.model.policy.actor_state.apply_fn(learner.model.average_actor, SCALE.apply(raw[:1]))
    expected = np.array(actor.distribution.stddev())[0]
    np.testing.assert_allclose(np.arctanh(squashed.clip(-0.999999, 0.999999)).std(axis=0), expected, rtol=0.1)


def test_neither_policy_nor_state_changes_when_the_learner_does():
    learner = build()
    learner.learn(12, None)
    policy = learner.policy()
    before, _ = policy.predict(raw_observations())
    state = {name: array.copy() for name, array in learner.state().items()}
    kept = learner.state()
    learner.learn(12, None)
    np.testing.assert_array_equal(policy.predict(raw_observations())[0], before)
    assert not np.array_equal(learner.policy().predict(raw_observations())[0], before)
    assert equal(kept, state)
    other = build(replace(CONFIG, seed=6))
    other.learn(24, None)
    learner.load_state(other.state())
    assert equal(kept, state)


class TestState:
    def test_another_learner_takes_it_back(self, learner, tmp_path):
        save_file(learner.state(), tmp_path / "state.safetensors")
        other = build(replace(CONFIG, seed=6))
        assert not equal(other.state(), learner.state())
        other.load_state(load_file(tmp_path / "state.safetensors"))
        assert equal(other.state(), learner.state())
        assert other.steps == 30
        # were it only a weak type that differs, a resumed run would compile everything twice
        types = [[jax.typeof(leaf) for leaf in jax.tree.leaves(each._tree())] for each in (other, learner, build())]
        assert types[0] == types[1] == types[2]
        raw = raw_observations()
        np.testing.assert_array_equal(other.policy().predict(raw)[0], learner.policy().predict(raw)[0])
        other.learn(8, None)
        assert (other.steps, other.model.replay_buffer.size(), other.model._n_updates) == (38, 38, 30)

    def test_it_holds_everything_that_learns(self, learner):
        names = " ".join(learner.state())
        assert all(part in names for part in ("mu", "nu", "target_params", "buffer.observations", "log_ent_coef"))
        leaves = sum(name.startswith("jax") for name in learner.state())
        assert leaves == len(jax.tree.leaves(learner._tree()))

    def test_a_longer_run_takes_back_that_of_a_shorter_one(self, learner):
        other = build(replace(CONFIG, steps=400))
        other.load_state(learner.state())
        assert other.model.replay_buffer.size() == 30

    def test_one_that_does_not_fit_is_refused_and_changes_nothing(self, learner, fresh):
        before, state = fresh.state(), learner.state()
        kernel = next(name for name in state if "Dense_0" in name and "kernel" in name)
        for name in (kernel, "steps", "updates", "buffer.rewards"):
            with pytest.raises(RunError, match="checkpoint: "):
                fresh.load_state({key: value for key, value in state.items() if key != name})
        with pytest.raises(RunError, match=r"Dense_0.*is \(1, 1\); expected"):
            fresh.load_state({**state, kernel: np.zeros((1, 1), np.float32)})
        assert equal(fresh.state(), before)


@pytest.fixture(scope="module")
def loaded(learner, tmp_path_factory):
    """The learner's zip, as the library loads it."""
    path = tmp_path_factory.mktemp("zip") / "policy.zip"
    before = learner.state()
    learner.save_zip(path)
    assert equal(learner.state(), before)
    assert [file.name for file in path.parent.iterdir()] == ["policy.zip"]
    return sbx.SAC.load(path)


class TestZip:
    def test_it_plays_raw_observations_as_the_policy_does(self, learner, loaded):
        played, _ = loaded.predict(raw_observations(), deterministic=True)
        np.testing.assert_allclose(played, learner.policy().predict(raw_observations())[0], atol=1e-4)

    def test_values_are_those_of_the_learner(self, learner, loaded):
        raw = np.float32(raw_observations())
        act = np.random.default_rng(0).uniform(-1, 1, (len(raw), 2)).astype(np.float32)
        for name in ("params", "target_params"):
            old, new = (each.policy.qf_state for each in (learner.model, loaded))
            expected = old.apply_fn(getattr(old, name), SCALE.apply(raw_observations()), act)
            found = new.apply_fn(getattr(new, name), raw, act)
            np.testing.assert_allclose(found, expected, atol=1e-3, rtol=1e-3)

    def test_a_failed_save_leaves_everything_as_it_was(self, learner, tmp_path, monkeypatch):
        (tmp_path / "policy.zip").write_bytes(b"older")
        before = learner.state()

        def fail(path):
            path.write_bytes(b"half of a zip")
            raise OSError("disk full")

        monkeypatch.setattr(learner.model, "save", fail)
        with pytest.raises(OSError, match="disk full"):
            learner.save_zip(tmp_path / "policy.zip")
        assert equal(learner.state(), before)
        assert (tmp_path / "policy.zip").read_bytes() == b"older"
        assert [file.name for file in tmp_path.iterdir()] == ["policy.zip"]


def test_a_warm_start_plays_as_the_cloned_policy():
    learner, demos = build(), demonstrate()
    cloned = clone(demos, action_space=(LOW, HIGH), seed=0, updates=20, squashed=True)
    learner.warm_start(cloned)
    expected, _ = cloned.predict(raw_observations())
    np.testing.assert_allclose(learner.policy().predict(raw_observations())[0], expected, atol=1e-3)
    np.testing.assert_allclose(mode(learner, learner.model.policy.actor_state.params), expected, atol=1e-3)
    spread = np.array(
        learner.model.policy.actor_state.apply_fn(
            learner.model.average_actor, SCALE.apply(raw_observations())
        ).distribution.stddev()
    )
    expected = EXPLORATION * np.tile(learner.model.demonstrations.act.std(axis=0), (len(spread), 1))
    np.testing.assert_allclose(spread, expected, rtol=1e-5)
    learner.learn(12, None)  # the optimiser's state still fits


def test_a_cloned_policy_explores_from_the_first_step():
    assert build(replace(CONFIG, warm_start=5)).model.learning_starts == 0
    assert build().model.learning_starts == CONFIG.learning_starts


def test_the_actor_waits_for_its_critics_only_where_it_has_something_to_clone():
    assert build(replace(CONFIG, actor_starts=7, actor_ramp=9)).model.schedule == (7, 9)
    assert build(replace(CONFIG, actor_starts=7, cloning_weight=0.0)).model.schedule == AT_ONCE
