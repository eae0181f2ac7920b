"""An expert's transitions and an agent's, in DI-engine's form, for rewards that move while the agent learns."""

import torch
from circling import circling

from rexd.ding import create_reward_model

SMALL = {"hidden_size": 32, "update_per_collect": 60}


def transitions(demos, shift=0.0):
    return [
        {"obs": torch.tensor(t.observations[n]) + shift, "action": torch.tensor(t.actions[n])}
        for t in demos
        for n in range(len(t))
    ]


EXPERT = transitions(circling(4, 40))
AGENT = transitions(circling(4, 40, seed=3), shift=0.5)


def made(kind, rows=EXPERT, **changes):
    return create_reward_model({"type": kind, "expert_data_path": rows, **SMALL, **changes}, "cpu")


def paid(model, rows):
    return torch.stack([row["reward"] for row in model.estimate(rows, inplace=False)])
