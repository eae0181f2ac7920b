from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from pointmass import HIGH, LOW, SCALE, demonstrate, discrete_expert, raw_observations, vec_env
from safetensors.numpy import load_file, save_file
from stable_baselines3 import PPO, SAC

from rexd.errors import RunError
from rexd.rl.config import TrainConfig
from rexd.rl.learners.sb3 import learner as learner_sb3
from rexd.rl.learners.sb3.learner import Sb3PpoLearner, Sb3SacLearner
from rexd.rl.policies.cloning import clone
from rexd.rl.replay.demonstrations import DemonstrationReplay

CONFIG = TrainConfig(steps=200, batch_size=16, learning_starts=8, updates_every=4, seed=5, warm_start=0)


def sac(config=CONFIG, n=1):
    demos = demonstrate()
    rewards = np.ones(demos.n_transitions, np.float32)
    replay = DemonstrationReplay.of(demos, rewards, SCALE, LOW, HIGH)
    return Sb3SacLearner(config, vec_env(n=n), SCALE, replay)


def ppo(config=CONFIG, discrete=False, n=1):
    return Sb3PpoLearner(config, vec_env(discrete, n), SCALE, None)


discrete_ppo = partial(ppo, discrete=True)
LEARNERS = {"sac": sac, "ppo": ppo, "ppo, discrete": discrete_ppo}
LIBRARY = {"sac": SAC, "ppo": PPO, "ppo, discrete": PPO}
every_learner = pytest.mark.parametrize("kind", LEARNERS)


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    monkeypatch.setattr(learner_sb3, "HIDDEN", (32, 32))


def test_the_settings_say_whether_critics_value_entropy():
    assert not sac().model.backup_entropy
    assert sac(replace(CONFIG, backup_entropy=True)).model.backup_entropy


def test_the_settings_say_how_many_steps_a_target_adds_up():
    assert sac(replace(CONFIG, n_step=4)).model.n_step == 4


def test_each_step_may_be_learnt_from_more_often():
    assert sac(replace(CONFIG, updates_per_step=3)).model.gradient_steps == 3 * CONFIG.updates_every


def equal(state, other):
    return state.keys() == other.keys() and all(np.array_equal(state[name], other[name]) for name in state)


@pytest.mark.parametrize(("source", "weight"), [("learned", 0.3), ("constant", 0.0)])
def test_only_learned_rewards_are_shaped(source, weight):
    assert sac(replace(CONFIG, reward_source=source, mean_matching=0.3)).model.matching.weight == weight


@every_learner
class TestZip:
    def test_plays_raw_observations_as_the_policy_does(self, kind, tmp_path):
        learner = LEARNERS[kind]()
        learner.learn(40, None)
        learner.save_zip(tmp_path / "policy.zip")
        raw = raw_observations()
        played, _ = LIBRARY[kind].load(tmp_path / "policy.zip", device="cpu").predict(raw, deterministic=True)
        expected, _ = learner.policy().predict(raw)
        np.testing.assert_allclose(played, expected, atol=1e-4)
        assert np.std(expected) > 0

    def test_values_are_those_of_the_learner(self, kind, tmp_path):
        learner = LEARNERS[kind]()
        learner.learn(40, None)
        learner.save_zip(tmp_path / "policy.zip")
        loaded = LIBRARY[kind].load(tmp_path / "policy.zip", device="cpu")
        raw = torch.tensor(raw_observations(), dtype=torch.float32)
        scaled = torch.tensor(SCALE.apply(raw_observations()))
        if kind == "sac":
            act = torch.rand(len(raw), 2) * 2 - 1
            pairs = [(loaded.critic, learner.model.critic), (loaded.critic_target, learner.model.critic_target)]
            values = [(torch.cat(new(raw, act)), torch.cat(old(scaled, act))) for new, old in pairs]
        else:
            values = [(loaded.policy.predict_values(raw), learner.model.policy.predict_values(scaled))]
        for new, old in values:
            torch.testing.assert_close(new, old, atol=1e-3, rtol=1e-3)

    def test_writing_it_leaves_the_learner_as_it_was(self, kind, tmp_path, monkeypatch):
        learner = LEARNERS[kind]()
        learner.learn(40, None)
        before = learner.state()
        learner.save_zip(tmp_path / "policy.zip")
        assert equal(learner.state(), before)

        def fails(path):
            path.write_bytes(b"half of a zip")
            raise OSError("disk full")

        monkeypatch.setattr(learner.model, "save", fails)
        kept = (tmp_path / "policy.zip").read_bytes()
        with pytest.raises(OSError, match="disk full"):
            learner.save_zip(tmp_path / "policy.zip")
        assert equal(learner.state(), before)
        assert (tmp_path / "policy.zip").read_bytes() == kept
        assert [p.name for p in tmp_path.iterdir()] == ["policy.zip"]


@every_learner
class TestState:
    def test_another_learner_takes_it_back(self, kind, tmp_path):
        learner = LEARNERS[kind]()
        learner.learn(40, None)
        save_file(learner.state(), tmp_path / "checkpoint.safetensors")
        other = LEARNERS[kind](replace(CONFIG, seed=6))
        assert not equal(other.state(), learner.state())
        other.load_state(load_file(tmp_path / "checkpoint.safetensors"))
        assert equal(other.state(), learner.state())
        assert other.steps == 40
        np.testing.assert_array_equal(*(each.policy().predict(raw_observations())[0] for each in (learner, other)))
        other.learn(20, None)
        assert other.steps == 60

    def test_before_the_first_update(self, kind):
        other = LEARNERS[kind](replace(CONFIG, seed=6))
        learner = LEARNERS[kind]()
        other.load_state(learner.state())
        assert equal(other.state(), learner.state())

    def test_keeps_its_values_whatever_comes_next(self, kind):
        learner = LEARNERS[kind]()
        learner.learn(20, None)
        state = learner.state()
        copy = {name: value.copy() for name, value in state.items()}
        learner.learn(20, None)
        assert equal(state, copy)
        other = LEARNERS[kind](replace(CONFIG, seed=6))
        other.learn(40, None)
        learner.load_state(other.state())
        assert equal(state, copy)

    def test_one_that_does_not_fit_is_refused_and_changes_nothing(self, kind):
        learner = LEARNERS[kind]()
        learner.learn(20, None)
        fresh = LEARNERS[kind](replace(CONFIG, seed=6))
        before = fresh.state()
        state = learner.state()
        weights = [name for name in state if name.startswith("policy.") and state[name].ndim == 2]
        moments = [name for name in state if name.endswith("3.exp_avg")]
        for name in (weights[0], moments[0], "steps"):
            cut = {key: value for key, value in state.items() if key != name}
            with pytest.raises(RunError, match=f"{name} is nothing"):
                fresh.load_state(cut)
        with pytest.raises(RunError, match=r"is \(1, 1\); expected"):
            fresh.load_state({**state, weights[-1]: np.zeros((1, 1), np.float32)})
        assert equal(fresh.state(), before)


@every_learner
class TestLearning:
    def test_the_same_seed_learns_the_same(self, kind):
        states = []
        for _ in range(2):
            learner = LEARNERS[kind]()
            learner.learn(40, None)
            states.append(learner.state())
        assert equal(*states)

    def test_reports_finite_losses_once_there_are_any(self, kind):
        learner = LEARNERS[kind]()
        assert learner.losses() == {}
        learner.learn(20, None)
        assert np.isfinite(list(learner.losses().values())).all()
        expected = {"critic", "actor", "cloning"} if kind == "sac" else {"policy_gradient_loss", "value_loss"}
        assert expected <= learner.losses().keys()

    def test_leaves_no_folder_behind(self, kind, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        LEARNERS[kind]().learn(8, None)
        assert list(tmp_path.iterdir()) == []

    def test_starts_from_a_cloned_policy(self, kind):
        demos = demonstrate(act=discrete_expert) if "discrete" in kind else demonstrate()
        space = 3 if "discrete" in kind else (LOW, HIGH)
        cloned = clone(demos, action_space=space, updates=100, hidden=(32, 32), squashed=kind == "sac")
        learner = LEARNERS[kind]()
        learner.warm_start(cloned)
        raw = raw_observations()
        np.testing.assert_allclose(learner.policy().predict(raw)[0], cloned.predict(raw)[0], atol=1e-4)

    def test_refuses_a_policy_of_another_kind_or_size(self, kind):
        learner = LEARNERS[kind]()
        other = {"sac": ppo, "ppo": sac, "ppo, discrete": sac}[kind]().policy()
        with pytest.raises(RunError, match=f"cannot start from a {other.spec.distribution} policy"):
            learner.warm_start(other)
        same = learner.policy()
        same.layers = [same.layers[0], same.layers[-1]]
        with pytest.raises(RunError, match=r"expected .* layers of \[\(32, 2\), \(32, 32\)"):
            learner.warm_start(same)


class TestSteps:
    def test_sac_takes_whole_blocks(self):
        learner = sac()
        learner.learn(10, None)
        assert learner.steps == 12
        learner.learn(8, None)
        assert learner.steps == 20
        assert learner.model._n_updates == 12  # none before learning_starts

    def test_ppo_takes_as_many_as_it_is_asked_for(self, monkeypatch):
        monkeypatch.setattr(learner_sb3, "PPO_ROLLOUT", 32)
        learner = ppo()
        learner.learn(100, None)
        assert (learner.steps, learner.model._n_updates) == (100, 4 * 10)
        learner.learn(7, None)
        assert (learner.steps, learner.model._n_updates) == (107, 5 * 10)
        learner.learn(1, None)
        assert learner.steps == 108

    def test_overshoot_of_ppo_is_counted_and_below_one_round_of_environments_a_rollout(self, monkeypatch):
        monkeypatch.setattr(learner_sb3, "PPO_ROLLOUT", 32)
        learner = ppo(n=3)
        learner.learn(50, None)
        assert learner.steps == 54

    def test_ppo_starts_with_some_noise_and_a_cloned_policy_with_little(self):
        learner = ppo()
        std = torch.exp(learner.policy().log_std[1])
        np.testing.assert_allclose(std, 0.37 * (HIGH - LOW) / 2, rtol=1e-5)
        learner.warm_start(clone(demonstrate(), action_space=(LOW, HIGH), updates=1, hidden=(32, 32), squashed=False))
        std = torch.exp(learner.policy().log_std[1])
        np.testing.assert_allclose(std, 0.2 * (HIGH - LOW) / 2, rtol=1e-5)


class TestPolicy:
    def test_sac_plays_the_averaged_actor(self):
        learner = sac()
        first = learner.policy().predict(raw_observations())[0]
        learner.learn(100, None)
        average = learner.policy().predict(raw_observations())[0]
        latest, _ = learner.model.predict(SCALE.apply(raw_observations()), deterministic=True)
        assert 0 < np.abs(average - first).mean() < 0.5 * np.abs(latest - first).mean()

    def test_sac_samples_from_the_actors_distribution(self):
        learner = sac()
        scaled = torch.tensor(SCALE.apply(raw_observations(1)))
        mean, log_std, _ = learner.model.actor.get_action_dist_params(scaled)
        policy = learner.policy()
        samples, _ = policy.predict(np.repeat(raw_observations(1), 4000, axis=0), deterministic=False)
        unsquashed = np.arctanh(np.clip(2 * (samples - LOW) / (HIGH - LOW) - 1, -0.9999, 0.9999))
        np.testing.assert_allclose(np.median(unsquashed, axis=0), mean[0].detach(), atol=0.1)
        inner = np.percentile(unsquashed, 84, axis=0) - np.percentile(unsquashed, 16, axis=0)
        np.testing.assert_allclose(inner / 2, log_std[0].detach().exp(), rtol=0.1)

    def test_ppo_samples_from_its_distribution(self):
        samples, _ = ppo().policy().predict(np.repeat(raw_observations(1), 4000, axis=0), deterministic=False)
        inside = samples[:, 0]  # σ is 0.37 of half the range, which is 2
        assert np.percentile(inside, 84) - np.percentile(inside, 16) == pytest.approx(2 * 0.74, rel=0.1)
        assert ((samples >= LOW) & (samples <= HIGH)).all()

    def test_ppo_learns_the_discrete_task(self, monkeypatch):
        monkeypatch.setattr(learner_sb3, "PPO_ROLLOUT", 400)
        learner = ppo(TrainConfig(batch_size=64, learning_rate=3e-3), discrete=True)
        learner.learn(1200, None)
        right = np.array([[130.0, -6.8], [70.0, -7.2]])  # one σ to the right and to the left of the target
        np.testing.assert_array_equal(learner.policy().predict(right)[0], [0, 2])
