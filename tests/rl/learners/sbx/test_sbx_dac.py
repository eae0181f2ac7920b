from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sbx")

import jax
import jax.numpy as jnp
import optax
import sbx
from batches import N, batch
from flax.training.train_state import TrainState
from marked import SHOWN, fill_marked, marked_replay
from pointmass import HIGH, LOW, SCALE, demonstrate, vec_env

from rexd.errors import RunError
from rexd.rl.config import TrainConfig
from rexd.rl.learners.sbx import dac as dac_jax
from rexd.rl.learners.sbx.dac import AdversarialSAC, Discriminator
from rexd.rl.learners.sbx.learner import SbxLearner
from rexd.rl.replay.demonstrations import DemonstrationReplay

W = np.array([0.5, -1.0, 2.0, 0.25, -3.0], np.float32)  # of a linear discriminator on (s, a, absorbing)
CONFIG = TrainConfig(
    steps=100,
    batch_size=N,
    learning_starts=8,
    updates_every=4,
    seed=5,
    reward_source="adversarial",
    demonstration_share=0.0,
    cloning_weight=0.0,
)


def softplus(x):
    return np.logaddexp(0.0, x)


def product(params, x):
    return x @ params["w"]


def linear(weights=W, optimiser=optax.sgd(0.0)):  # noqa: B008 - one for all, or all is compiled again
    """A discriminator whose logits and slopes are known."""
    state = TrainState.create(apply_fn=product, params={"w": jnp.array(weights)}, tx=optimiser)
    return Discriminator(state, jax.random.PRNGKey(0))


judge = jax.jit(dac_jax._discriminate, static_argnums=3)


def logits(obs, act, weights=W):
    return np.concatenate([obs, act], axis=1) @ weights[:4]


def copied(tree):
    """Updates give their arguments away."""
    return jax.tree.map(jnp.array, tree)


@pytest.fixture(scope="module")
def built():
    """A model, compiled for by all, and what it started from."""
    model = AdversarialSAC(
        "MlpPolicy",
        vec_env(),
        seed=0,
        buffer_size=64,
        batch_size=N,
        ent_coef="auto_0.02",
        policy_kwargs={"layer_norm": True, "net_arch": [16, 16]},
    )
    return model, copied(parts(model))


def parts(model):
    policy = model.policy
    return (
        policy.actor_state, policy.qf_state, model.ent_coef_state, model.average_actor, model.key, model.discriminator
    )  # fmt: skip


@pytest.fixture
def sac(built):
    """Restart the model with rewards and demonstrations."""
    model, start = built

    def restart(rewards=1.0, replay=None, share=0.0):
        policy = model.policy
        policy.actor_state, policy.qf_state, model.ent_coef_state, *rest = copied(start)
        model.average_actor, model.key, model.discriminator = rest
        model.batch_rng = np.random.default_rng(0)
        model.replay_buffer.reset()
        fill_marked(model.replay_buffer)
        model.replay_buffer.rewards *= rewards
        model.learn_from(replay or marked_replay(), share=share, cloning_weight=0.0)
        return model

    return restart


def learnt(model):
    return [np.array(leaf) for leaf in jax.tree.leaves(parts(model))]


def same(tree, other):
    leaves = [jax.tree.leaves(each) for each in (tree, other)]
    return all(np.array_equal(a, b) for a, b in zip(*leaves, strict=True))


class TestDiscriminator:
    @pytest.mark.parametrize("pairs", [N // 2, 3])
    def test_cross_entropy_and_penalty_by_hand(self, pairs):
        rows = batch()
        _, verdict = judge(linear(), rows, 0.0, pairs)
        of_agent = logits(rows.obs, rows.act)[:pairs]
        of_shown = logits(rows.clone_obs, rows.clone_act)[:pairs]
        loss = softplus(of_agent).mean() + softplus(-of_shown).mean()
        assert float(verdict.discriminator) == pytest.approx(loss, rel=1e-4)
        assert float(verdict.agent_logit) == pytest.approx(of_agent.mean(), abs=1e-4)
        assert float(verdict.shown_logit) == pytest.approx(of_shown.mean(), abs=1e-4)
        # a linear function is equally steep everywhere
        assert float(verdict.gradient_penalty) == pytest.approx((np.linalg.norm(W) - 1.0) ** 2, rel=1e-4)

    def test_each_end_adds_an_absorbing_row_to_its_side(self):
        rows = batch(done=np.arange(N) % 4 == 0)  # a quarter
        _, verdict = judge(linear(), rows, 0.5, N // 2)
        agent, shown = logits(rows.obs, rows.act)[: N // 2], logits(rows.clone_obs, rows.clone_act)
        absorbing = dac_jax.MARK * W[4]
        loss = (softplus(agent).mean() + 0.25 * softplus(absorbing)) / 1.25
        loss += (softplus(-shown).mean() + 0.5 * softplus(-absorbing)) / 1.5
        assert float(verdict.discriminator) == pytest.approx(loss, rel=1e-4)
        assert float(verdict.absorbing_logit) == pytest.approx(absorbing)

    def test_a_step_goes_down_the_penalised_loss(self):
        rows, optimiser = batch(), optax.sgd(1e-3)
        after, _ = judge(linear(optimiser=optimiser), rows, 0.0, N // 2)
        assert np.linalg.norm(after.network.params["w"]) < np.linalg.norm(W)  # too steep: the penalty prevails
        after, _ = judge(linear(np.zeros(5), optimiser), rows, 0.0, N // 2)  # where the penalty has no slope
        expected = np.concatenate([rows.clone_obs, rows.clone_act], axis=1).mean(axis=0) * 0.5
        expected -= np.concatenate([rows.obs, rows.act], axis=1)[: N // 2].mean(axis=0) * 0.5
        np.testing.assert_allclose(np.array(after.network.params["w"])[:4], 1e-3 * expected, atol=1e-6)

    def test_it_tells_agent_and_demonstrations_apart_no_more_steeply_than_asked(self, sac):
        state = sac().discriminator
        for seed in range(100):
            drawn = batch(seed)
            rows = drawn._replace(clone_obs=drawn.clone_obs + np.float32([3.0, 0.0]))
            state, verdict = judge(state, rows, 0.0, N // 2)
        assert float(verdict.shown_logit) > 0.8
        assert float(verdict.agent_logit) < -0.8
        assert float(verdict.gradient_penalty) < 0.3

    def test_random_numbers_are_never_used_twice(self):
        first, _ = judge(linear(), batch(), 0.0, N // 2)
        second, _ = judge(first, batch(), 0.0, N // 2)
        assert len({tuple(np.asarray(key).tolist()) for key in (linear().key, first.key, second.key)}) == 3


def test_the_reward_is_the_logit_and_an_end_is_followed_by_absorbing_states_for_ever():
    rows = batch(done=np.arange(N) % 2)
    found = np.array(dac_jax._rewards(linear().network, rows))
    expected = logits(rows.obs, rows.act)
    np.testing.assert_allclose(found[::2], expected[::2], atol=1e-4)
    np.testing.assert_allclose(found[1::2], expected[1::2] + 9.0 * dac_jax.MARK * W[4], atol=1e-2)


class TestTraining:
    def test_given_rewards_are_not_read(self, sac):
        found = []
        for rewards, paid in ((1.0, 0.5), (-5.0, 7.0)):
            model = sac(rewards, replace(marked_replay(), reward=np.full(30, paid, np.float32)))
            model.train(2, N)
            found.append(learnt(model))
        assert same(*found)
        assert all(np.isfinite(leaf).all() for leaf in found[0])

    def test_demonstrations_are_critic_rows_only_if_asked(self, sac):
        assert (sac()._batches(3, N).obs[..., 0] < SHOWN).all()
        model = sac(share=0.5)
        assert ((model._batches(3, N).obs[..., 0] >= SHOWN).sum(axis=1) == N // 2).all()
        model.train(2, N)
        assert all(np.isfinite(float(value)) for value in model.losses)

    def test_the_agent_s_rows_alone_are_the_agent_s(self, sac):
        """Most of each batch is demonstrated: the discriminator compares the few others."""
        model, rows = sac(share=0.75), []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dac_jax, "_updates", lambda *args: rows.append(args) or (*args[:2], None))
            model.learn_from_batches(None, model._batches(2, N), None)
        ((_, _, drawn, ends, pairs, *_),) = rows
        assert (drawn.obs[:, :pairs, 0] < SHOWN).all()
        assert (pairs, ends) == (N // 4, 0.5)

    def test_an_update_keeps_every_type(self, sac):
        """Another type, were it only a weak one, and everything is compiled again."""
        model = sac()
        before = [jax.typeof(leaf) for leaf in jax.tree.leaves(parts(model))]
        model.train(2, N)
        assert [jax.typeof(leaf) for leaf in jax.tree.leaves(parts(model))] == before

    def test_the_discriminator_stays_out_of_the_zip(self, sac, tmp_path):
        sac().save(tmp_path / "policy.zip")
        loaded = sbx.SAC.load(tmp_path / "policy.zip")
        assert getattr(loaded, "discriminator", None) is None


def build(config=CONFIG):
    demos = demonstrate()
    rewards = np.ones(demos.n_transitions, np.float32)
    return SbxLearner(config, vec_env(), SCALE, DemonstrationReplay.of(demos, rewards, SCALE, LOW, HIGH))


class TestState:
    def test_the_discriminator_goes_with_it(self):
        learner, other = build(), build(replace(CONFIG, seed=6))
        learner.learn(16, None)
        assert {"discriminator", "gradient_penalty", "shown_logit", "critic"} <= learner.losses().keys()
        assert not same(learner.model.discriminator, other.model.discriminator)
        other.load_state(learner.state())
        assert same(learner.model.discriminator, other.model.discriminator)
        assert other.state().keys() == learner.state().keys()
        other.learn(8, None)  # the optimiser's state fits

    def test_that_of_another_method_is_refused(self):
        plain = build(replace(CONFIG, reward_source="learned"))
        with pytest.raises(RunError, match=r"checkpoint: jax.*is nothing"):
            build().load_state(plain.state())
