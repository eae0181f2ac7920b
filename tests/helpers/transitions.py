"""Expert transitions as DI-engine's collectors write them, and reward models that learn from them."""

import pickle

import numpy as np
import torch

from rexd.ding import create_reward_model

OBS, ACT = 4, 2
TINY = {
    "type": "rexd",
    "update_per_collect": 40,
    "batch_size": 32,
    "output_dims": 8,
    "n_targets": 2,
    "target_layers": (16, 16),
    "predictor_layers": (16,),
}
"""The config of a calibrated model that is too small for meaningful rewards."""


def transitions(n=120, seed=0, obs=(OBS,), episode=30):
    """A list of ``n`` dicts of tensors, whose actions are a function of the observations."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(int(np.prod(obs)), ACT, generator=torch.Generator().manual_seed(99))
    rows = []
    for number in range(n):
        seen = torch.randn(obs, generator=generator)
        rows.append(
            {
                "obs": seen,
                "next_obs": torch.randn(obs, generator=generator),
                "action": torch.tanh(seen.reshape(-1) @ mix),
                "reward": torch.zeros(1),
                "done": torch.tensor((number + 1) % episode == 0),
            }
        )
    return rows


def discrete(n=120, seed=0, actions=3, shape=()):
    """Transitions with integer actions of ``shape`` () or (1,)."""
    rows = transitions(n, seed)
    for row in rows:
        row["action"] = (row["obs"][:actions].argmax()).reshape(shape)
    return rows


def write(folder, rows, name="expert_data.pkl"):
    path = folder / name
    path.write_bytes(pickle.dumps(rows))
    return str(path)


def build(folder, rows=None, device="cpu", tb_logger=None, **config):
    """A reward model, of type ``red`` by default, with ``rows`` as expert data; arrays are quicker to read."""
    rows = transitions() if rows is None else rows
    path = write(folder, [{key: np.asarray(value) for key, value in row.items()} for row in rows])
    return create_reward_model({"type": "red", "expert_data_path": path, **config}, device, tb_logger)


def rewards(model, rows):
    """The (batch,) rewards of copies of the rows."""
    return torch.stack([row["reward"] for row in model.estimate(rows, inplace=False)])


def oracle(model, rows, sigma=5.0):
    """The rewards by the documented formula, row by row."""
    found = []
    for row in rows:
        x = torch.cat([row["obs"].reshape(-1).float(), row["action"].reshape(-1).float()])
        with torch.no_grad():
            found.append(torch.exp(-sigma * ((model.online_net(x) - model.target_net(x)) ** 2).mean()))
    return torch.stack(found)


def arrays(rows):
    """The rows as one dict of stacked arrays."""
    return {name: np.stack([row[name].numpy() for row in rows]) for name in ("obs", "action")}
