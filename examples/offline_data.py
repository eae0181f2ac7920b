"""Data of Reacher without rewards, from an imitator's to those of chance, and a reward from four demonstrations.

python examples/offline_data.py && rexd relabel reward.safetensors free.hdf5 -o paid.hdf5
python examples/offline_policy.py paid.hdf5
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

import rexd
from rexd.envs.make import make_environment
from rexd.evaluation.rollouts import rollout
from rexd.reading.formats.d4rl import save_d4rl
from rexd.rl.policies.cloning import clone

ENV = "Reacher-v5"


class Mixed:
    """Ten episodes at a time: the first is played by a policy, the last by chance, and those between by both."""

    def __init__(self, policy):
        """Take the policy."""
        self.policy, self.random = policy, np.random.default_rng(0)

    def predict(self, observation, deterministic=True):
        """Return an action for each of the ten."""
        action, chance = self.policy.predict(observation)[0], np.linspace(0, 1, len(observation))[:, None]
        return ((1 - chance) * action + chance * self.random.uniform(-1, 1, action.shape)).astype(np.float32), None


def main(folder: Path, episodes: int = 200) -> float:
    """Write free.hdf5 and reward.safetensors; return the data's mean return, which nothing learns from."""
    expert, make = rexd.bundled_demonstrations(ENV).first(4), partial(make_environment, ENV)
    rexd.RED(seed=0).fit(expert).save(folder / "reward.safetensors")
    space = make().action_space
    data = rollout(make, Mixed(clone(expert, action_space=(space.low, space.high))), episodes, seed=0)
    free = rexd.Demonstrations(tuple(replace(episode, rewards=None) for episode in data), env_id=ENV)
    save_d4rl(free, folder / "free.hdf5")
    demonstrated, found = (float(np.mean([episode.total_reward for episode in part])) for part in (expert, data))
    print(f"mean return of the demonstrations {demonstrated:.2f}, of the {len(free)} episodes of the data {found:.2f}")
    return found


if __name__ == "__main__":
    main(Path())
