from itertools import pairwise
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from counting import Counting
from pointmass import HIGH, LOW, OFFSET, WIDTH, PointMass

pytest.importorskip("stable_baselines3")
from reward_model_fakes import Consumed, Fake, FakeOfRows, Lines, Noise, One, StopAt
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.callbacks import CheckpointCallback, EveryNTimesteps
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.save_util import load_from_pkl
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from rexd.errors import RexdError, SpaceMismatchError
from rexd.rl import RewardModelCallback, RewardVecEnv

TINY = {"net_arch": [8]}
OFF = {"learning_starts": 20, "train_freq": 4, "gradient_steps": 2, "batch_size": 16, "buffer_size": 500}
SETTINGS = {
    PPO: {"n_steps": 16, "batch_size": 16, "n_epochs": 2},
    A2C: {"n_steps": 16},
    SAC: OFF,
    TD3: OFF,
    DQN: OFF,
}


def envs(algorithm=SAC, n=1, wrap=lambda env: env):
    return DummyVecEnv([lambda: wrap(PointMass(discrete=algorithm.__name__ == "DQN"))] * n)


def build(algorithm, env=None, **settings):
    settings = {**SETTINGS.get(algorithm, {}), "policy_kwargs": dict(TINY), "seed": 3, "device": "cpu", **settings}
    return algorithm("MlpPolicy", env or envs(algorithm), **settings)


def weights(model):
    return {name: value.clone() for name, value in model.policy.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def record_updates(model, events):
    train = model.train

    def recorded(*args, **kwargs):
        events.append("update")
        return train(*args, **kwargs)

    model.train = recorded


def assert_paid(fake, batches):
    """Check that each batch was paid by the model as it was then, for actions in the environment's scale."""
    for version, batch in batches:
        fake.version = version
        obs, next_obs = batch.observations.numpy(), batch.next_observations.numpy()
        actions = batch.actions.numpy()
        if actions.dtype == np.float32:
            actions = LOW + (actions + 1) / 2 * (HIGH - LOW)
        assert batch.rewards.shape == (len(obs), 1)
        assert batch.rewards.dtype == torch.float32
        np.testing.assert_allclose(batch.rewards[:, 0], fake.predict(obs, actions, next_obs), rtol=1e-4, atol=1e-4)


class TestOrder:
    @pytest.mark.parametrize("algorithm", [PPO, A2C])
    def test_on_policy(self, algorithm):
        fake, model = Fake(), build(algorithm, envs(n=2))
        record_updates(model, fake.events)
        model.learn(96, callback=RewardModelCallback(fake))
        assert fake.events == [("collect", 32), "train", "clear", ("estimate", 32), "update"] * 3

    @pytest.mark.parametrize("algorithm", [SAC, TD3, DQN])
    def test_off_policy(self, algorithm):
        fake, model = Fake(), build(algorithm)
        record_updates(model, fake.events)
        model.learn(32, callback=RewardModelCallback(fake))
        updates = ["update", ("estimate", 16), ("estimate", 16)]
        # the steps before learning starts belong to the first iteration
        first = [("collect", 24), "train", "clear", ("estimate", 24), *updates]
        assert fake.events == first + [("collect", 4), "train", "clear", ("estimate", 4), *updates] * 2

    @pytest.mark.parametrize("cfg", [{"clear_buffer_per_iters": 2}, SimpleNamespace(clear_buffer_per_iters=2)])
    def test_the_buffer_is_cleared_every_so_many_iterations(self, cfg):
        fake = Fake()
        fake.cfg = cfg
        callback = RewardModelCallback(fake)
        model = build(PPO).learn(48, callback=callback)
        model.learn(32, callback=callback, reset_num_timesteps=False)
        events = [event for event in fake.events if event in ("train", "clear")]
        assert events == ["train", "clear", "train"] * 2 + ["train", "clear"]  # iterations 0, 2 and 4, as in DI-engine

    def test_a_model_without_cfg_is_cleared_every_iteration(self):
        fake = Fake()
        del fake.cfg
        build(PPO).learn(32, callback=RewardModelCallback(fake))
        assert fake.events.count("clear") == 2


class TestReward:
    def test_batches_are_paid_by_the_model_as_it_is(self):
        fake, model = Fake(), build(SAC)
        consumed = Consumed(fake)
        model.learn(60, callback=[RewardModelCallback(fake), consumed])
        versions = [version for version, _ in consumed.batches]
        assert versions == sorted(versions)
        assert len(set(versions)) == 10
        assert len(versions) == 20
        assert_paid(fake, consumed.batches)
        assert not model.replay_buffer.rewards.any()

    @pytest.mark.parametrize("normalised", [False, True])
    @pytest.mark.parametrize("algorithm", [PPO, A2C, SAC, TD3, DQN])
    def test_as_if_the_environment_paid_it(self, algorithm, normalised):
        """Observations, actions, terminal and truncated episodes: all enter the reward or the value after it."""
        fake = Fake(changes=False)
        inside, outside = envs(algorithm, n=2), RewardVecEnv(envs(algorithm, n=2), fake)
        if normalised:
            inside, outside = (VecNormalize(venv, norm_reward=False) for venv in (inside, outside))
        oracle = build(algorithm, outside).learn(96)
        model = build(algorithm, inside)
        start = weights(model)
        model.learn(96, callback=RewardModelCallback(fake))
        assert not all(torch.equal(value, start[name]) for name, value in weights(model).items())
        assert_same(weights(model), weights(oracle))
        if algorithm in (PPO, A2C):
            for name in ("rewards", "advantages", "returns"):
                np.testing.assert_array_equal(getattr(model.rollout_buffer, name), getattr(oracle.rollout_buffer, name))

    def test_actions_of_a_squashed_policy(self):
        """They are drawn in [-1, 1] and sent in the environment's scale."""
        fake, settings = Fake(changes=False), {"use_sde": True, "policy_kwargs": {**TINY, "squash_output": True}}
        oracle = build(PPO, RewardVecEnv(envs(), fake), **settings).learn(32)
        model = build(PPO, **settings).learn(32, callback=RewardModelCallback(fake))
        np.testing.assert_array_equal(model.rollout_buffer.advantages, oracle.rollout_buffer.advantages)

    def test_values_at_a_time_limit_are_kept(self):
        ended = DummyVecEnv([lambda: Counting(length=4, truncates=True, reuse=False)])
        model = build(PPO, ended, n_steps=8, batch_size=8, learning_rate=0.0)
        fake = Fake(changes=False)
        model.learn(8, callback=RewardModelCallback(fake))
        learned = fake.predict(*(fake.asked[0][name] for name in ("obs", "action", "next_obs")))
        with torch.no_grad():
            values = model.policy.predict_values(torch.tensor([[0.0, 4.0], [1.0, 4.0]])).numpy().ravel()
        assert np.abs(values).min() > 1e-3
        learned[[3, 7]] += np.float32(model.gamma) * values
        np.testing.assert_allclose(model.rollout_buffer.rewards.ravel()[[3, 7]], learned[[3, 7]], rtol=1e-5)
        np.testing.assert_array_equal(np.delete(model.rollout_buffer.rewards, [3, 7]), np.delete(learned, [3, 7]))

    @pytest.mark.parametrize("normalised", [False, True])
    @pytest.mark.parametrize("algorithm", [PPO, SAC])
    def test_the_environment_s_reward_changes_nothing(self, algorithm, normalised):
        learnt = []
        for wrap in (lambda env: env, Noise):
            venv = envs(algorithm, wrap=wrap)
            model = build(algorithm, VecNormalize(venv, norm_reward=False) if normalised else venv)
            model.learn(64, callback=RewardModelCallback(Fake(clear_buffer_per_iters=3)))
            learnt.append(weights(model))
            assert algorithm is PPO or not model.replay_buffer.rewards.any()
        assert_same(*learnt)


class TestRows:
    @pytest.mark.parametrize("truncates", [False, True])
    def test_collected_rows(self, truncates):
        venv = DummyVecEnv([lambda n=n: Counting(n, truncates, reuse=False) for n in (2, 3)])
        fake = Fake(clear_buffer_per_iters=9)
        fake.clear_data = lambda: None
        build(PPO, venv, n_steps=4, batch_size=8).learn(8, callback=RewardModelCallback(fake))
        steps = [(tuple(row["obs"].tolist()), tuple(row["next_obs"].tolist())) for row in fake.rows]
        assert steps == [
            *[((0, 0), (0, 1)), ((0, 1), (0, 2)), ((1, 0), (1, 1)), ((1, 1), (1, 2))],
            *[((0, 0), (0, 1)), ((0, 1), (0, 2)), ((0, 2), (0, 3)), ((1, 0), (1, 1))],
        ]
        done = [False, True, False, True, False, False, True, False]
        assert [bool(row["done"]) for row in fake.rows] == done
        assert [bool(row["truncated"]) for row in fake.rows] == [truncates and d for d in done]
        assert [bool(row["terminated"]) for row in fake.rows] == [not truncates and d for d in done]
        sent = np.concatenate([np.ravel(venv.envs[n].taken) for n in (0, 1)])
        np.testing.assert_array_equal([row["action"].item() for row in fake.rows], sent)
        assert np.abs(sent).max() == 1.0  # the policy drew actions outside the bounds

    @pytest.mark.parametrize("algorithm", [SAC, DQN, PPO])
    def test_shapes_and_dtypes(self, algorithm):
        fake = FakeOfRows()
        fake.clear_data = lambda: None
        build(algorithm).learn(32, callback=RewardModelCallback(fake))
        assert len(fake.rows) == 32
        action = ((1,), torch.int64) if algorithm is DQN else ((2,), torch.float32)
        flag, vector = ((), torch.bool), ((2,), torch.float32)
        expected = {"obs": vector, "action": action, "next_obs": vector, "reward": ((1,), torch.float32)}
        for row in fake.rows:
            found = {name: (tuple(value.shape), value.dtype) for name, value in row.items()}
            assert found == {**expected, "done": flag, "terminated": flag, "truncated": flag}
            assert row["reward"].item() == 0.0
        assert {name: (tuple(value.shape), value.dtype) for name, value in fake.asked[-1][0].items()} == {
            **expected,
            "reward": ((), torch.float32),
        }

    @pytest.mark.parametrize("algorithm", [SAC, DQN])
    def test_batches_keep_the_dtypes_of_the_environment(self, algorithm):
        fake = Fake()
        build(algorithm).learn(32, callback=RewardModelCallback(fake))
        for asked in fake.asked:
            assert set(asked) == {"obs", "action", "next_obs"}
            assert asked["obs"].dtype == np.float64
            assert asked["action"].dtype == (np.int64 if algorithm is DQN else np.float32)
            assert asked["action"].shape[1:] == (() if algorithm is DQN else (2,))
        if algorithm is SAC:
            actions = np.concatenate([asked["action"] for asked in fake.asked])
            assert (actions >= LOW).all()
            assert (actions <= HIGH).all()
            assert actions[:, 0].min() < -1.5  # further than the scaled ones go

    @pytest.mark.parametrize("algorithm", [SAC, PPO])
    def test_rows_pay_what_batches_pay(self, algorithm):
        learnt = []
        for fake in (Fake(), FakeOfRows()):
            model = build(algorithm)
            model.learn(64, callback=RewardModelCallback(fake))
            learnt.append(weights(model))
        for name, value in learnt[0].items():
            torch.testing.assert_close(value, learnt[1][name], rtol=1e-3, atol=1e-4)


class TestSbx:
    """Networks are compiled anew for each algorithm, so that these tests do little else."""

    def test_ppo(self):
        algorithm = pytest.importorskip("sbx").PPO
        trained, fake = [], Fake(changes=False)
        for venv, callback in ((RewardVecEnv(envs(), fake), None), (envs(), RewardModelCallback(fake))):
            model = build(algorithm, venv, n_steps=16, batch_size=16)
            model.train = lambda: fake.events.append("update")
            trained.append(model.learn(32, callback=callback))
        assert fake.events == ["update"] * 2 + [("collect", 16), "train", "clear", ("estimate", 16), "update"] * 2
        oracle, model = (each.rollout_buffer for each in trained)
        for name in ("rewards", "advantages", "returns"):
            np.testing.assert_array_equal(getattr(model, name), getattr(oracle, name))

    def test_dqn(self):
        fake, model = Fake(), build(pytest.importorskip("sbx").DQN, envs(DQN), **OFF)
        consumed = Consumed(fake)
        model.learn(28, callback=[RewardModelCallback(fake), consumed])
        rest = [("collect", 4), "train", "clear", ("estimate", 4), ("estimate", 32)]
        assert fake.events == [("collect", 24), "train", "clear", ("estimate", 24), ("estimate", 32), *rest]
        assert model._n_updates == 4
        assert_paid(fake, consumed.batches)


class TestLog:
    @pytest.mark.parametrize("algorithm", [PPO, SAC])
    def test_learned_rewards_and_returns(self, algorithm):
        model, writer = build(algorithm, DummyVecEnv([lambda: Counting(length=5, reuse=False)])), Lines()
        model.set_logger(Logger(None, [writer]))
        callback = RewardModelCallback(One())
        for chunk in range(3):  # an episode goes on from one call to the next
            model.learn(32, callback=callback, reset_num_timesteps=chunk == 0, log_interval=1)
        lines = [line for line in writer.lines if "reward_model/mean_reward" in line]
        assert len(lines) > 4
        assert all(line["reward_model/mean_reward"] == 1.0 for line in lines)
        returns = [line["reward_model/episode_return"] for line in lines if "reward_model/episode_return" in line]
        assert len(returns) > 4
        assert set(returns) == {5.0}

    def test_a_new_run_starts_new_episodes(self):
        model, writer = build(PPO, DummyVecEnv([lambda: Counting(length=5, reuse=False)])), Lines()
        model.set_logger(Logger(None, [writer]))
        callback = RewardModelCallback(One())
        for _ in range(2):
            model.learn(16, callback=callback)
        assert [line["reward_model/episode_return"] for line in writer.lines] == [5.0, 5.0]


class TestSaving:
    def test_during_and_after_training(self, tmp_path):
        model = build(SAC)
        checkpoint = CheckpointCallback(30, str(tmp_path), save_replay_buffer=True)
        model.learn(40, callback=[RewardModelCallback(Fake()), checkpoint])
        assert "sample" not in vars(model.replay_buffer)
        assert not model.replay_buffer.sample(8).rewards.any()
        model.save(tmp_path / "after", include=["replay_buffer"])
        after = SAC.load(tmp_path / "after", device="cpu")
        assert_same(weights(after), weights(model))
        assert after.replay_buffer.size() == 40
        during = load_from_pkl(tmp_path / "rl_model_replay_buffer_30_steps.pkl")
        assert during.size() == 29
        assert not during.sample(8).rewards.any()
        SAC.load(tmp_path / "rl_model_30_steps", env=envs(), device="cpu").learn(
            25, callback=RewardModelCallback(Fake())
        )


class TestSeveralRuns:
    @pytest.mark.parametrize("algorithm", [SAC, PPO])
    def test_after_an_interruption(self, algorithm):
        fakes, model = (Fake(), Fake()), build(algorithm)
        with pytest.raises(KeyboardInterrupt):
            model.learn(64, callback=[RewardModelCallback(fakes[0]), StopAt(37, KeyboardInterrupt)])
        asked = len(fakes[0].events)
        model.learn(64, callback=RewardModelCallback(fakes[1]))
        assert len(fakes[0].events) == asked
        assert "train" in fakes[1].events
        buffer = model.replay_buffer if algorithm is SAC else model.rollout_buffer
        assert not {"sample", "compute_returns_and_advantage"} & set(vars(buffer))

    def test_after_a_rollout_that_was_stopped(self):
        fake, model = Fake(), build(PPO)
        callback = RewardModelCallback(fake)
        model.learn(32, callback=[callback, StopAt(23)])
        model.learn(16, callback=callback, reset_num_timesteps=False)
        assert [event for event in fake.events if event[0] == "collect"] == [("collect", 16)] * 2

    def test_of_several_algorithms(self):
        fake = Fake()
        callback = RewardModelCallback(fake)
        for n in (1, 2):
            build(PPO, envs(n=n)).learn(32, callback=callback, reset_num_timesteps=False)
        assert callback.iterations == 3


class Bypass(DQN):
    def train(self, gradient_steps, batch_size):
        self._n_updates += gradient_steps


class Pixels(PointMass):
    def __init__(self):
        super().__init__()
        self.observation_space = gymnasium.spaces.Box(0, 255, (36, 36, 3), np.uint8)


class Parts(PointMass):
    """The same task with the observation in two parts, and its side of the origin as a number of its own."""

    def __init__(self):
        super().__init__()
        box = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float64)
        side = gymnasium.spaces.Discrete(2)
        self.observation_space = gymnasium.spaces.Dict({"far": box, "near": box, "side": side})

    def reset(self, **kwargs):
        observation, info = super().reset(**kwargs)
        return self._parts(observation), info

    def step(self, action):
        observation, *rest = super().step(action)
        return self._parts(observation), *rest

    def _parts(self, observation):
        return {"far": observation[:1], "near": observation[1:], "side": int(self.position[0] > 0.0)}


class OfFourColumns(FakeOfRows):
    """Keeps all rows that it was given, and pays by the columns that the task had before it had parts."""

    def __init__(self):
        super().__init__()
        self.collected = []

    def collect_data(self, data):
        self.collected.extend(data)

    def predict(self, obs, act, next_obs):
        assert obs.shape[1] == next_obs.shape[1] == 4
        return super().predict(obs[:, :2], act, next_obs[:, :2])


class TestDictionaries:
    """Columns are far, near, and the side one-hot."""

    @pytest.mark.parametrize("normalised", [False, True])
    @pytest.mark.parametrize("algorithm", [SAC, PPO])
    def test_the_model_is_given_columns_and_the_policy_its_dictionary(self, algorithm, normalised):
        rows = OfFourColumns()
        env = DummyVecEnv([Parts])
        env = VecNormalize(env, norm_reward=False, norm_obs_keys=["far", "near"]) if normalised else env
        settings = {**SETTINGS[algorithm], "policy_kwargs": dict(TINY), "seed": 3, "device": "cpu"}
        algorithm("MultiInputPolicy", env, **settings).learn(48, callback=RewardModelCallback(rows))
        assert len(rows.collected) >= 32
        assert all(row["obs"].shape == (4,) for row in rows.asked[-1])
        for before, after in pairwise(rows.collected):
            assert before["obs"].shape == before["next_obs"].shape == (4,)
            position = (before["obs"][0].item() - OFFSET[0]) / WIDTH[0]
            assert before["obs"][2:].tolist() == [float(position <= 0.0), float(position > 0.0)]
            if not before["done"]:
                torch.testing.assert_close(before["next_obs"], after["obs"])


class TestRefused:
    def learn(self, model, fake=None, wrap=lambda callback: callback, steps=32):
        model.learn(steps, callback=wrap(RewardModelCallback(fake or Fake())))

    def test_something_else_than_a_reward_model(self):
        with pytest.raises(RexdError, match=r"SimpleNamespace has no collect_data, train, clear_data; .*RewardVecEnv"):
            RewardModelCallback(SimpleNamespace(estimate=print))

    @pytest.mark.parametrize("found", [0, -1, 1.5, "2", None])
    def test_a_wrong_interval(self, found):
        with pytest.raises(RexdError, match=r"clear_buffer_per_iters of Fake is .*expected an integer of 1 or more"):
            RewardModelCallback(Fake(clear_buffer_per_iters=found))

    def test_an_algorithm_of_another_kind(self):
        callback = RewardModelCallback(Fake())
        callback.init_callback(SimpleNamespace(num_timesteps=0, get_vec_normalize_env=lambda: None))
        with pytest.raises(RexdError, match="SimpleNamespace is not supported; expected an on-policy or off-policy"):
            callback.on_training_start({}, {})

    def test_a_callback_inside_another(self):
        with pytest.raises(RexdError, match="inside EveryNTimesteps"):
            self.learn(build(SAC), wrap=lambda callback: EveryNTimesteps(4, callback))

    def test_images(self):
        callback = RewardModelCallback(Fake())
        callback.init_callback(SAC("CnnPolicy", DummyVecEnv([Pixels]), buffer_size=10))
        with pytest.raises(SpaceMismatchError, match="expected one dimension"):
            callback.on_training_start({}, {})

    @pytest.mark.parametrize("steps", [24, 40])
    def test_updates_that_bypass_the_buffer_s_sample(self, steps):
        with pytest.raises(RexdError, match=r"Bypass made 2 updates without replay_buffer\.sample"):
            self.learn(build(Bypass, envs(DQN), **OFF), steps=steps)

    def test_returns_of_several_steps(self):
        with pytest.raises(RexdError, match=r"SAC learns from returns of 3 steps.*expected n_steps=1"):
            self.learn(build(SAC, n_steps=3))

    def test_normalised_rewards(self):
        with pytest.raises(RexdError, match=r"norm_reward=True.*expected norm_reward=False"):
            self.learn(build(PPO, VecNormalize(envs())))

    def test_normalisation_inside_other_wrappers(self):
        with pytest.raises(RexdError, match="VecNormalize is inside VecMonitor"):
            self.learn(build(PPO, VecMonitor(VecNormalize(envs(), norm_reward=False))))

    @pytest.mark.parametrize(
        ("rewards", "match"),
        [
            (lambda n: np.full(n, np.nan), "rewards that are not finite for 16 rows"),
            (lambda n: np.ones(n - 1), r"rewards of shape \(15,\) for 16 rows"),
        ],
    )
    def test_wrong_rewards(self, rewards, match):
        fake = Fake()
        fake.estimate = lambda data: {"reward": rewards(len(data["obs"]))}
        with pytest.raises(RexdError, match=match):
            self.learn(build(PPO), fake)
