import numpy as np
import pytest
import torch
from pointmass import HIGH, LOW, SCALE, demonstrate, vec_env
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger
from torch import nn

from rexd.rl.learners.sb3.sac import DemonstrationSAC, LayerNormPolicy
from rexd.rl.replay.batches import Batch
from rexd.rl.replay.demonstrations import DemonstrationReplay


def make_sac(n=1, **kwargs):
    settings = {"learning_starts": 8, "train_freq": 4, "gradient_steps": 4, "batch_size": 16, "buffer_size": 500}
    model = DemonstrationSAC(
        LayerNormPolicy,
        vec_env(n=n),
        seed=3,
        device="cpu",
        policy_kwargs={"net_arch": [32, 32]},
        **{**settings, **kwargs},
    )
    model.set_logger(Logger(None, []))
    return model


def make_replay():
    demos = demonstrate()
    return DemonstrationReplay.of(demos, np.full(demos.n_transitions, 0.75, np.float32), SCALE, LOW, HIGH)


def make_batch(rows=64, done=0.0, reward=0.5, discount=0.5, clones=0, seed=0):
    rng = np.random.default_rng(seed)
    draw = [rng.normal(size=(rows, 2)), rng.uniform(-1, 1, (rows, 2)), rng.normal(size=(rows, 2))]
    draw += [np.full(rows, column) for column in (reward, done, discount)]
    draw += [rng.normal(size=(clones, 2)), rng.uniform(-1, 1, (clones, 2)), np.zeros(clones)]
    return Batch(*(torch.tensor(column, dtype=torch.float32) for column in draw))


def weights(module):
    return torch.cat([parameter.detach().flatten().clone() for parameter in module.parameters()])


class TestNetworks:
    def test_every_hidden_layer_of_every_critic_is_normalised(self):
        model = make_sac()
        for critic in (model.critic, model.critic_target):
            for network in (critic.qf0, critic.qf1):
                kinds = [type(module) for module in network]
                assert kinds == [nn.Linear, nn.LayerNorm, nn.ReLU] * 2 + [nn.Linear]
        assert not any(isinstance(module, nn.LayerNorm) for module in model.actor.modules())

    def test_the_target_starts_as_the_critic_and_the_optimiser_has_all_of_it(self):
        model = make_sac()
        torch.testing.assert_close(weights(model.critic), weights(model.critic_target))
        learnt = {id(p) for p in model.critic.optimizer.param_groups[0]["params"]}
        assert learnt == {id(p) for p in model.critic.parameters()}


class TestBatch:
    def filled(self, **kwargs):
        model = make_sac(learning_starts=1000, **kwargs)
        model.learn(60)
        return model

    def test_without_demonstrations_all_rows_are_the_agents(self):
        model = self.filled()
        batch = model._batch(40)
        assert [len(column) for column in batch] == [40] * 6 + [0, 0, 0]
        rows = {tuple(row) for row in model.replay_buffer.observations[:60, 0].tolist()}
        assert {tuple(row) for row in batch.obs.tolist()} <= rows

    def test_the_share_of_demonstrations_is_the_model_s(self):
        model, replay = self.filled(), make_replay()
        model.learn_from(replay, share=0.25, cloning_weight=1.0)
        batch = model._batch(40)
        assert batch.reward[30:].tolist() == [0.75] * 10
        assert {tuple(row) for row in batch.obs[30:].tolist()} <= {tuple(row) for row in replay.obs.tolist()}
        assert [len(column) for column in batch] == [40] * 6 + [20, 20, 20]
        assert {column.dtype for column in batch} == {torch.float32}

    def test_comes_from_a_generator_of_its_own(self):
        first, second = self.filled(), self.filled()
        for model in (first, second):
            model.learn_from(make_replay(), share=0.5, cloning_weight=1.0)
        before = first._batch(16)
        np.random.seed(11)  # noqa: NPY002
        for one, other in zip(before, second._batch(16), strict=True):
            torch.testing.assert_close(one, other)
        assert not torch.equal(first._batch(16).obs, before.obs)


class TestUpdate:
    def test_a_terminal_step_is_worth_its_reward(self):
        model, batch = make_sac(), make_batch(done=1.0, reward=0.5)
        with torch.no_grad():
            q = torch.cat(model.critic(batch.obs, batch.act), dim=1)
        losses = model._update(batch)
        torch.testing.assert_close(losses.critic, ((q - 0.5) ** 2).mean() * 0.5 * 2)
        torch.testing.assert_close(losses.q_mean, q.mean())

    def test_the_critic_learns_the_discounted_sum(self):
        model = make_sac(learning_rate=3e-3, ent_coef=1e-6, tau=0.2)
        batch = make_batch()
        for _ in range(150):
            losses = model._update(batch)
        assert float(losses.q_mean) == pytest.approx(0.5 / (1 - 0.5), abs=0.1)

    @pytest.mark.parametrize("backup", [True, False])
    def test_the_critic_s_target_by_hand(self, backup):
        model, batch = make_sac(ent_coef=0.5), make_batch(discount=0.7)
        model.backup_entropy = backup
        with torch.no_grad():
            torch.manual_seed(0)
            act, log_prob = model.actor.action_log_prob(batch.next_obs)
            next_q = torch.cat(model.critic_target(batch.next_obs, act), dim=1).amin(dim=1)
            target = batch.reward + 0.7 * (next_q - backup * 0.5 * log_prob)
            q = torch.cat(model.critic(batch.obs, batch.act), dim=1)
        torch.manual_seed(0)
        torch.testing.assert_close(model._update(batch).critic, ((q - target[:, None]) ** 2).mean() * 0.5 * 2)

    def test_the_target_follows_by_tau(self):
        model = make_sac(tau=0.3)
        before = weights(model.critic_target)
        model._update(make_batch())
        expected = before + 0.3 * (weights(model.critic) - before)
        torch.testing.assert_close(weights(model.critic_target), expected)

    def test_the_averaged_actor_follows_slowly(self):
        model = make_sac()
        before = weights(model.average_actor)
        torch.testing.assert_close(before, weights(model.actor))
        model._update(make_batch())
        torch.testing.assert_close(weights(model.average_actor), before + 0.001 * (weights(model.actor) - before))
        assert not torch.equal(weights(model.actor), before)

    def test_the_actors_loss_leaves_the_critic_alone(self):
        still, moving = make_sac(), make_sac()
        batch = make_batch(clones=8)
        still.actor.optimizer.param_groups[0]["lr"] = 0.0
        for model in (still, moving):
            torch.manual_seed(0)
            model._update(batch)
            assert all(parameter.requires_grad for parameter in model.critic.parameters())
        assert torch.equal(weights(still.critic), weights(moving.critic))
        assert not torch.equal(weights(still.actor), weights(moving.actor))

    def test_the_cloning_term_keeps_step_with_the_critic(self):
        batch, actor_loss = make_batch(clones=32), {}
        for c in (0.0, 1.0, 2.0):
            model = make_sac()
            with torch.no_grad():
                for network in model.critic.q_networks:
                    network[-1].bias.fill_(-30.0)
                mode = model.actor(batch.clone_obs, deterministic=True)
            model.critic.optimizer.param_groups[0]["lr"] = 0.0
            model.cloning_weight = c
            torch.manual_seed(0)
            losses = model._update(batch)
            actor_loss[c] = float(losses.actor)
            assert float(losses.cloning) == pytest.approx(float(((mode - batch.clone_act) ** 2).mean()))
        for c in (1.0, 2.0):
            expected = c * (1 + 0.1 * 30.0) * float(losses.cloning)
            assert actor_loss[c] - actor_loss[0.0] == pytest.approx(expected, rel=0.05)

    @pytest.mark.parametrize(("target", "sign"), [(50.0, 1.0), (-50.0, -1.0)])
    def test_the_entropy_coefficient_moves_towards_the_target(self, target, sign):
        model = make_sac(ent_coef="auto_0.02", target_entropy=target)
        alpha = model._update(make_batch()).entropy_coefficient
        assert float(alpha) == pytest.approx(0.02)
        after = model._update(make_batch()).entropy_coefficient
        assert np.sign(float(after - alpha)) == sign

    def test_a_fixed_coefficient_stays(self):
        model = make_sac(ent_coef=0.3)
        for _ in range(2):
            assert float(model._update(make_batch()).entropy_coefficient) == pytest.approx(0.3)


class TestLearning:
    def error(self, model, replay):
        with torch.no_grad():
            mode = model.actor(torch.tensor(replay.obs), deterministic=True)
        return float(((mode - torch.tensor(replay.act)) ** 2).mean())

    def test_cloning_brings_the_mode_to_the_demonstrated_actions(self):
        errors = {}
        for c in (0.0, 10.0):
            model, replay = make_sac(learning_rate=3e-3), make_replay()
            model.learn_from(replay, share=0.0, cloning_weight=c)
            model.learn(96)
            errors[c] = self.error(model, replay)
        assert errors[10.0] < 0.3 * errors[0.0]

    def test_a_zip_of_its_own_loads_without_demonstrations(self, tmp_path):
        model = make_sac()
        model.learn_from(make_replay(), share=0.5, cloning_weight=1.0)
        model.learn(24)
        model.save(tmp_path / "model.zip")
        for library in (SAC, DemonstrationSAC):
            loaded = library.load(tmp_path / "model.zip", device="cpu")
            obs = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
            np.testing.assert_array_equal(
                loaded.predict(obs, deterministic=True)[0], model.predict(obs, deterministic=True)[0]
            )
            assert getattr(loaded, "demonstrations", None) is None
