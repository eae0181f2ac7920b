from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sbx")

import jax
import jax.numpy as jnp
from batches import N, batch
from marked import SHOWN, fill_marked, marked_replay
from pointmass import vec_env

from rexd.rl.learners.sbx import sac as sac_jax
from rexd.rl.learners.sbx.sac import AT_ONCE, AVERAGING, DemonstrationSAC, LearnerState, Schedule, Settings
from rexd.rl.replay.batches import Batch

update = jax.jit(sac_jax.update)


def sac(**kwargs):
    return DemonstrationSAC(
        "MlpPolicy",
        vec_env(),
        seed=0,
        buffer_size=64,
        batch_size=N,
        learning_rate=3e-3,
        train_freq=(4, "step"),
        gradient_steps=4,
        ent_coef="auto_0.02",
        policy_kwargs={"layer_norm": True, "net_arch": [16, 16]},
        **kwargs,
    )


def fill(model):
    fill_marked(model.replay_buffer)
    return model


@pytest.fixture(scope="module")
def model():
    return sac()


@pytest.fixture
def filled():
    model = fill(sac())
    model.learn_from(marked_replay(), share=0.5, cloning_weight=1.0)
    return model


def learner_of(model):
    policy = model.policy
    return LearnerState(
        policy.actor_state, policy.qf_state, model.ent_coef_state, model.average_actor, model.key, jnp.int32(0)
    )


@pytest.fixture
def start(model):
    """What an update changes, as the constructor built it."""
    return learner_of(model)


SETTINGS = Settings(0.05, -2.0, backup_entropy=True, cloning_weight=1.0, schedule=AT_ONCE)


def step(start, rows, **changed):
    return update(start, rows, SETTINGS._replace(**changed))


def close(tree, other, **kwargs):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **{"rtol": 1e-4, "atol": 1e-6, **kwargs}), tree, other)


def same(tree, other):
    return all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), tree, other)))


class TestBatches:
    def test_come_from_the_demonstrations_and_the_buffer(self, filled):
        b = filled._batches(3, N)
        assert (b.obs.shape, b.clone_obs.shape) == ((3, N, 2), (3, N // 2, 2))
        assert ((b.obs[..., 0] >= SHOWN).sum(axis=1) == N // 2).all()
        filled.demonstration_share = 0.25
        assert ((filled._batches(3, N).obs[..., 0] >= SHOWN).sum(axis=1) == N // 4).all()

    def test_a_share_of_nothing_draws_demonstrations_to_be_cloned_alone(self, filled):
        filled.demonstration_share = 0.0
        b = filled._batches(3, N)
        assert (b.obs.shape, b.clone_obs.shape) == ((3, N, 2), (3, N // 2, 2))
        assert all((column[..., 0] < SHOWN).all() for column in (b.obs, b.next_obs))

    def test_without_demonstrations_there_is_a_row_to_clone_as_the_mean_of_none_is_no_number(self):
        b = fill(sac())._batches(3, N)
        assert (b.clone_obs.shape, b.clone_act.shape) == ((3, 1, 2), (3, 1, 2))

    def test_the_seed_decides(self):
        first, again = (fill(sac())._batches(3, N) for _ in range(2))
        np.testing.assert_array_equal(first.obs, again.obs)


class TestUpdate:
    @pytest.mark.parametrize("backup", [True, False])
    def test_the_critic_s_target_by_hand(self, start, backup):
        rows = batch(done=np.arange(N) % 2, discount=np.linspace(0.7, 0.9, N))
        _, next_key, _ = jax.random.split(start.key, 3)
        ahead = start.actor.apply_fn(start.actor.params, rows.next_obs)
        act = ahead.sample(seed=next_key)
        next_q = np.array(start.critic.apply_fn(start.critic.target_params, rows.next_obs, act))[..., 0]
        value = next_q.min(axis=0) - backup * 0.02 * np.array(ahead.log_prob(act))
        target = rows.reward + (1.0 - rows.done) * rows.discount * value
        q = np.array(start.critic.apply_fn(start.critic.params, rows.obs, rows.act))[..., 0]
        after, losses = step(start, rows, backup_entropy=backup)
        assert q.shape == (2, N)
        assert float(losses.critic) == pytest.approx(0.5 * ((q - target) ** 2).mean(axis=1).sum(), rel=1e-3)
        assert float(losses.q_mean) == pytest.approx(q.mean(), rel=1e-3, abs=1e-5)
        assert float(losses.entropy_coefficient) == pytest.approx(0.02, rel=1e-4)
        assert not same(after.critic.params, start.critic.params)

    def test_nothing_is_worth_anything_after_the_end(self, start):
        ended, _ = step(start, batch(done=np.ones(N)))
        blind, _ = step(start, batch(discount=np.zeros(N)))
        ahead, _ = step(start, batch())
        close(ended.critic.params, blind.critic.params)
        assert not same(ahead.critic.params, ended.critic.params)

    def test_rewards_reach_the_critic(self, start):
        assert not same(step(start, batch())[0].critic.params, step(start, batch(reward=np.ones(N)))[0].critic.params)

    def test_targets_follow_slowly(self, start):
        after, _ = step(start, batch())
        expected = jax.tree.map(
            lambda new, old: SETTINGS.tau * new + (1 - SETTINGS.tau) * old,
            after.critic.params,
            start.critic.target_params,
        )
        close(after.critic.target_params, expected)

    def test_the_average_follows_the_actor(self, start):
        after, _ = step(start, batch())
        expected = jax.tree.map(
            lambda new, old: AVERAGING * new + (1 - AVERAGING) * old, after.actor.params, start.average
        )
        close(after.average, expected)
        assert not same(after.actor.params, start.actor.params)

    @pytest.mark.parametrize(("wanted", "rises"), [(100.0, True), (-100.0, False)])
    def test_the_entropy_coefficient_moves_towards_the_target(self, start, wanted, rises):
        after, _ = step(start, batch(), target_entropy=wanted)
        before, now = (float(e.apply_fn({"params": e.params})) for e in (start.entropy, after.entropy))
        assert (now > before) is rises
        assert now != before

    def test_the_cloning_loss_by_hand(self, start):
        rows = batch()
        mode = np.array(start.actor.apply_fn(start.actor.params, rows.clone_obs).mode())
        _, losses = step(start, rows)
        assert float(losses.cloning) == pytest.approx(((mode - rows.clone_act) ** 2).mean(), rel=1e-4)

    def test_cloned_rows_move_the_actor_by_their_weight_and_never_the_critic(self, start):
        other = batch(clone_act=np.zeros((N // 2, 2)))
        without, with_ = (
            [step(start, rows, cloning_weight=weight)[0] for rows in (batch(), other)] for weight in (0.0, 1.0)
        )
        assert same(without[0].actor.params, without[1].actor.params)
        assert not same(with_[0].actor.params, with_[1].actor.params)
        assert same(with_[0].critic.params, without[0].critic.params)

    def test_the_weight_of_cloning_keeps_step_with_the_critic(self, start):
        rows = batch()
        weighted = [float(step(start, rows, cloning_weight=w)[1].actor) for w in (0.0, 2.0)]
        _, losses = step(start, rows)
        # at weight 2: 2 (1 + 0.1 mean|Q|) cloning, where Q is small but not nothing
        factor = (weighted[1] - weighted[0]) / float(losses.cloning)
        assert 2.0 < factor < 4.0

    def test_until_the_schedule_says_so_the_actor_only_clones(self, start):
        rows, paid = batch(), batch(reward=np.ones(N))
        waiting = [step(start, each, schedule=Schedule(1.0, 4.0))[0] for each in (rows, paid)]
        assert same(waiting[0].actor.params, step(start, rows, schedule=Schedule(9.0, 1.0))[0].actor.params)
        assert same(waiting[0].entropy.params, start.entropy.params)
        assert not same(waiting[0].critic.params, waiting[1].critic.params)
        assert not same(waiting[0].actor.params, start.actor.params)

    def test_then_its_critics_take_effect_little_by_little(self, start):
        rows = batch()
        late = [start._replace(updates=jnp.int32(done)) for done in (0, 2, 4, 90)]
        losses = [float(step(each, rows, schedule=Schedule(1.0, 4.0), cloning_weight=0.0)[1].actor) for each in late]
        assert losses[0] == 0.0
        assert losses[1] / losses[3] == pytest.approx(0.5, rel=1e-3)
        assert losses[2] == losses[3] == pytest.approx(float(step(start, rows, cloning_weight=0.0)[1].actor), rel=1e-3)

    def test_an_update_keeps_every_type(self, model):
        """Another type, were it only a weak one, and everything is compiled again."""
        state = learner_of(model)
        after, _ = step(state, batch())
        assert jax.tree.map(jax.typeof, state) == jax.tree.map(jax.typeof, after)

    def test_random_numbers_are_never_used_twice(self, start):
        first, _ = step(start, batch())
        second, _ = step(first, batch())
        keys = {tuple(np.asarray(k).tolist()) for k in (start.key, first.key, second.key)}
        assert len(keys) == 3

    def test_a_block_of_updates_is_one_after_the_other(self, start):
        rows = [batch(seed) for seed in (0, 1)]
        expected, _ = step(start, rows[0])
        expected, losses = step(expected, rows[1])
        copy = jax.tree.map(lambda leaf: jnp.array(leaf, jnp.result_type(leaf)), start)  # given away by the call
        found, last = sac_jax._updates(copy, Batch._make(map(np.stack, zip(*rows, strict=True))), SETTINGS)
        close(found.actor.params, expected.actor.params, rtol=1e-2, atol=1e-4)
        close(found.critic.target_params, expected.critic.target_params, rtol=1e-2, atol=1e-4)
        close(last, losses, rtol=1e-2, atol=1e-4)


def test_training_imitates_and_counts():
    filled, rng = sac(), np.random.default_rng(0)
    for _ in range(20):
        obs = rng.normal(size=(1, 2))
        filled.replay_buffer.add(obs, obs, rng.uniform(-1, 1, (1, 2)), np.zeros(1), np.zeros(1, bool), [{}])
    obs = rng.normal(size=(30, 2)).astype(np.float32)
    filled.learn_from(
        replace(marked_replay(), obs=obs, act=-0.5 * obs.clip(-1.5, 1.5), next_obs=obs), share=0.5, cloning_weight=5.0
    )
    filled.train(4, N)
    first = float(filled.losses.cloning)
    for _ in range(30):
        filled.train(4, N)
    assert float(filled.losses.cloning) < 0.5 * first
    assert filled._n_updates == 124
    assert all(np.isfinite(float(value)) for value in filled.losses)


def test_without_demonstrations_it_is_plain_sac():
    model = fill(sac())
    model.train(4, N)
    assert model.demonstrations is None
    assert np.isfinite(float(model.losses.actor))


def test_demonstrations_stay_out_of_the_zip(filled, tmp_path):
    import sbx

    filled.save(tmp_path / "policy.zip")
    loaded = sbx.SAC.load(tmp_path / "policy.zip")
    assert not {"demonstrations", "best", "matching", "schedule", "losses", "batch_rng", "average_actor"} & {
        name for name, value in vars(loaded).items() if value is not None
    }


@pytest.mark.parametrize("rows", [(), (1,), (5,)])
def test_actions_are_those_of_sbx(model, rows):
    policy, rng = model.policy, np.random.default_rng(0)
    seen = rng.normal(size=(3, *rows, *model.observation_space.shape)).astype(np.float32)
    before = policy.key
    expected = [policy.predict(obs)[0] for obs in seen]
    after, policy.key = policy.key, before
    drawn = [model.predict(obs)[0] for obs in seen]
    np.testing.assert_array_equal(drawn, expected)
    np.testing.assert_array_equal(policy.key, after)
    assert not np.array_equal(model.predict(seen[0])[0], model.predict(seen[0])[0])
    mode, _ = model.predict(seen[0], deterministic=True)
    np.testing.assert_array_equal(mode, policy.predict(seen[0], deterministic=True)[0])
