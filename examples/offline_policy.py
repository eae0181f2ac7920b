"""A policy learnt offline from a file that rexd relabel wrote, by torchrl's TD3+BC; examples/offline_data.py makes one.

python examples/offline_policy.py paid.hdf5       (a minute or two of one core; needs pip install 'rexd[dev]')
"""

import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import torch

import rexd
from rexd.envs.make import make_environment
from rexd.errors import import_extra
from rexd.evaluation.rollouts import rollout
from rexd.rl.policies.cloning import clone


def learn(path: Path, updates: int) -> SimpleNamespace:
    """Learn by TD3+BC (Fujimoto and Gu 2021, arXiv 2106.06860) what to do in [-1, 1]."""
    nets, losses = import_extra("torchrl.modules", "dev"), import_extra("torchrl.objectives", "dev")
    from tensordict import TensorDict, nn

    rows = {name: torch.as_tensor(values[:]).float() for name, values in h5py.File(path).items()}
    obs, act, done = rows["observations"], rows["actions"], rows["terminals"][:, None].bool()
    after = {"observation": rows["next_observations"], "reward": rows["rewards"][:, None], "done": done}
    data = TensorDict({"observation": obs, "action": act, "next": {**after, "terminated": done}}, [len(obs)])
    torch.manual_seed(0)
    mlp = partial(nets.MLP, num_cells=[128, 128], activation_class=torch.nn.ReLU)
    net = torch.nn.Sequential(mlp(obs.shape[1], act.shape[1]), torch.nn.Tanh())
    q = nets.ValueOperator(mlp(obs.shape[1] + act.shape[1], 1), ["observation", "action"])
    loss = losses.TD3BCLoss(nn.TensorDictModule(net, ["observation"], ["action"]), q, bounds=(-1.0, 1.0))
    target, adam = losses.SoftUpdate(loss, tau=0.005), torch.optim.Adam(loss.parameters(), 1e-3)
    for _ in range(updates):
        found = loss(data[torch.randint(len(data), (256,))])
        adam.zero_grad()
        (found["loss_actor"] + found["loss_qvalue"]).backward()
        adam.step()
        target.step()
    return SimpleNamespace(predict=lambda seen, deterministic: (net(torch.tensor(seen).float()).detach().numpy(), None))


def main(path: Path, updates: int = 3000) -> dict[str, float]:
    """Learn, clone the same data for comparison, and return the mean returns of both in the environment."""
    make = partial(make_environment, "Reacher-v5")
    bounds = make().action_space.low, make().action_space.high
    imitator = clone(rexd.load_demonstrations(path), action_space=bounds)
    policies = {"policy learnt offline": learn(path, updates), "clone of the same data": imitator}
    returns = {}
    for name, policy in policies.items():
        returns[name] = float(np.mean([episode.total_reward for episode in rollout(make, policy, 20, seed=1)]))
        print(f"mean return of the {name}: {returns[name]:.2f}")
    return returns


if __name__ == "__main__":
    main(Path(sys.argv[1]))
