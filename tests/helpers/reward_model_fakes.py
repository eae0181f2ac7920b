"""Reward models that record what is asked of them, and callbacks that watch a run, for ``RewardModelCallback``."""

import gymnasium
import numpy as np
import torch
from pointmass import OFFSET
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter


class Fake:
    """Records the calls; its rewards depend on all that it is given, and on how often it was trained."""

    accepts_batches = True

    def __init__(self, changes=True, **cfg):
        self.cfg, self.changes, self.version = cfg, changes, 1
        self.events, self.rows, self.asked = [], [], []

    def predict(self, obs, act, next_obs):
        """Also what ``RewardVecEnv`` calls."""
        act = act.reshape(len(act), -1)
        # sums and products alone, whose last bits are those of any other number of rows
        total = (obs - OFFSET)[:, 0] / 30 + act[:, 0] - 0.5 * act[:, -1] - np.abs(next_obs - OFFSET)[:, 1]
        return (self.version * total).astype(np.float32)

    def estimate(self, data):
        self.events.append(("estimate", len(data["obs"])))
        self.asked.append({name: column.copy() for name, column in data.items()})
        return {**data, "reward": torch.tensor(self.predict(data["obs"], data["action"], data["next_obs"]))}

    def collect_data(self, rows):
        self.events.append(("collect", len(rows)))
        self.rows.extend(rows)

    def train(self):
        self.events.append("train")
        # what a model learns from the environment's reward it would pay to the policy
        self.version += self.changes * (1 + float(sum(row["reward"].sum() for row in self.rows)))

    def clear_data(self):
        self.events.append("clear")
        self.rows = []


class FakeOfRows(Fake):
    """The same, as DI-engine's own models are."""

    accepts_batches = False

    def estimate(self, data):
        self.asked.append(data)
        columns = {name: np.stack([row[name].numpy() for row in data]) for name in ("obs", "action", "next_obs")}
        rewards = torch.tensor(self.predict(columns["obs"], columns["action"], columns["next_obs"]))
        for row, reward in zip(data, rewards.requires_grad_(), strict=True):
            row["reward"] = reward


class Noise(gymnasium.Wrapper):
    """Pays large random numbers, and tells them in its info too."""

    random = np.random.default_rng(5)

    def step(self, action):
        observation, _, terminated, truncated, _ = self.env.step(action)
        reward = 1000.0 * float(self.random.normal())
        return observation, reward, terminated, truncated, {"reward_near": reward}


class Consumed(BaseCallback):
    """Keeps what the learner gets from the replay buffer, and the version of the model that paid it."""

    def __init__(self, fake):
        super().__init__()
        self.fake, self.batches = fake, []

    def _on_training_start(self):
        buffer = self.model.replay_buffer
        sample = buffer.sample

        def keep(*args, **kwargs):
            self.batches.append((self.fake.version, sample(*args, **kwargs)))
            return self.batches[-1][1]

        buffer.sample = keep

    def _on_step(self):
        return True


class One(Fake):
    def predict(self, obs, act, next_obs):
        return np.ones(len(obs), np.float32)


class StopAt(BaseCallback):
    """Stops the run at a step, by an exception where there is one."""

    def __init__(self, step, exception=None):
        super().__init__()
        self.step, self.exception = step, exception

    def _on_step(self):
        if self.num_timesteps == self.step and self.exception is not None:
            raise self.exception
        return self.num_timesteps != self.step


class Lines(KVWriter):
    def __init__(self):
        self.lines = []

    def write(self, key_values, key_excluded, step=0):
        self.lines.append(dict(key_values))

    def close(self):
        pass
