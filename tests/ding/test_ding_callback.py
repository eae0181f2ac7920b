"""``rexd.rl.RewardModelCallback`` drives the models of this package, on-policy and off-policy."""

import pytest
import torch
from transitions import TINY, build

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("stable_baselines3")
from stable_baselines3 import DQN, PPO  # noqa: E402

from rexd.rl import RewardModelCallback  # noqa: E402

SMALL = {"net_arch": [8]}
ON = {"n_steps": 32, "batch_size": 32, "n_epochs": 1}
OFF = {"learning_starts": 32, "train_freq": 32, "gradient_steps": 2, "batch_size": 16, "buffer_size": 200}
BOTH = pytest.mark.parametrize(("algorithm", "settings"), [(PPO, ON), (DQN, OFF)], ids=["PPO", "DQN"])


def demonstrations(n=60):
    env = gymnasium.make("CartPole-v1")
    obs, rows = env.reset(seed=0)[0], []
    for _ in range(n):
        action = int(obs[2] + obs[3] > 0)
        rows.append({"obs": torch.tensor(obs), "action": torch.tensor(action)})
        obs, _, terminated, truncated, _ = env.step(action)
        obs = env.reset()[0] if terminated or truncated else obs
    return rows


def learn(algorithm, settings, model, steps=128):
    policy = algorithm("MlpPolicy", "CartPole-v1", policy_kwargs=dict(SMALL), seed=0, device="cpu", **settings)
    return policy.learn(steps, callback=RewardModelCallback(model))


@BOTH
@pytest.mark.parametrize("config", [{}, {"inplace": False}, TINY], ids=["red", "copies", "rexd"])
def test_trained_once(tmp_path, algorithm, settings, config):
    model = build(tmp_path, demonstrations(), **config)
    with pytest.warns(UserWarning, match="RED is trained once") as caught:
        learn(algorithm, settings, model)
    assert sum("RED is trained once" in str(warning.message) for warning in caught) == 1
    assert model.train_iter == model.cfg.update_per_collect
    assert model.cfg.input_size == 6


@BOTH
def test_continual(tmp_path, algorithm, settings):
    held = []
    model = build(
        tmp_path,
        demonstrations(),
        continual=True,
        update_per_collect=10,
        clear_buffer_per_iters=2,
        expert_filter=lambda row: abs(float(row["obs"][2])) < 0.1,
    )
    train = model.train
    model.train = lambda: held.append(len(model.collected_data)) or train()
    learn(algorithm, settings, model)
    assert len(held) >= 3
    assert model.train_iter == 10 * len(held)
    assert 0 < held[0] <= 64
    assert held[2] > held[1] > 0  # cleared in iterations 0 and 2
    assert len(model.expert_data) == 60
