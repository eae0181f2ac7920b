"""What DI-engine's RED and rexd's pay on the RED authors' Hopper demonstrations, as a Markdown table.

    python benchmarks/ding_compare.py --data FOLDER

FOLDER holds `Hopper-v2.pkl` of github.com/RuohanW/RED (folder `data/`). Each reward model learns from the
first three trajectories; the fourth is held out. Actions are clipped to the action space, as the simulator clips them.
The table is that of docs/ding.md. The rows of a random policy need Gymnasium with MuJoCo, and are left out without it.
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import rexd
from rexd.ding import RedRewardModel, create_reward_model
from rexd.reward.columns import InputColumns
from rexd.reward.encoder import Encoder
from rexd.reward.rows import Rows
from rexd.reward.standstill import standstill_novelty

VELOCITIES = range(5, 11)  # of Hopper's 11 observation columns, as the simulator says (rexd.envs.velocity_columns)
RANDOM_STEPS = 1000
COLUMNS = {
    "DI-engine's defaults, σ 5": {"type": "red"},
    "σ 0.5, as in DI-engine's code": {"type": "red", "sigma": 0.5},
    "`type: rexd`": {"type": "rexd"},
}

Arrays = dict[str, NDArray[np.float32]]


@dataclass
class Documented:
    """The documented model as the search for the best standstill wants it: errors of standardised inputs."""

    model: RedRewardModel
    encoder: Encoder

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """(batch, C) -> (batch,), differentiable."""
        raw = x * self.encoder.std + self.encoder.mean
        online, target = self.model.online_net, self.model.target_net
        assert online is not None
        assert target is not None
        error: Tensor = (online(raw) - target(raw)).square().mean(dim=1)
        return error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with Hopper-v2.pkl")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="seeds of the reward models")
    given = parser.parse_args()
    demos = rexd.load_demonstrations(given.data / "Hopper-v2.pkl", action_bounds=(-1.0, 1.0))
    learnt, held_out = demos.split(3)
    kinds = rows_of(held_out)
    paid = {name: [scores(config, learnt, kinds, seed) for seed in given.seeds] for name, config in COLUMNS.items()}
    print(f"| mean reward (lowest to highest of seeds {', '.join(map(str, given.seeds))}) | {' | '.join(paid)} |")
    print("|---" * (len(paid) + 1) + "|")
    for kind in next(iter(paid.values()))[0]:
        cells = [cell([each[kind] for each in runs]) for runs in paid.values()]
        print(f"| {kind} | {' | '.join(cells)} |")


def rows_of(held_out: rexd.Demonstrations) -> dict[str, Arrays]:
    """Rows of each kind; the same for all models."""
    expert, rng = held_out.transitions(), np.random.default_rng(0)
    uniform = rng.uniform(-1.0, 1.0, expert.act.shape).astype(np.float32)
    kinds = {
        "expert, held out": {"obs": expert.obs, "action": expert.act},
        "expert's states, random actions": {"obs": expert.obs, "action": uniform},
    }
    if (random := random_policy()) is not None:
        kinds["random policy"] = random
    return kinds


def random_policy() -> Arrays | None:
    """Transitions of uniformly random actions in Hopper-v5."""
    try:
        import gymnasium

        env = gymnasium.make("Hopper-v5")
    except (ImportError, gymnasium.error.Error):
        return None
    env.action_space.seed(0)
    seen, acted = [], []
    obs, _ = env.reset(seed=0)
    for _ in range(RANDOM_STEPS):
        action = env.action_space.sample()
        seen.append(obs)
        acted.append(action)
        obs, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            obs, _ = env.reset()
    env.close()
    return {"obs": np.array(seen, np.float32), "action": np.array(acted, np.float32)}


def scores(
    config: dict[str, Any], learnt: rexd.Demonstrations, kinds: dict[str, Arrays], seed: int
) -> dict[str, float]:
    """The mean reward of each kind of rows, and of the best standstills found."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "expert_data.pkl"
        path.write_bytes(pickle.dumps(transitions(learnt)))
        model = create_reward_model({**config, "expert_data_path": str(path), "seed": seed}, "cpu", None)
    assert isinstance(model, RedRewardModel)
    model.train()
    found = {name: float(model.estimate(dict(rows))["reward"].mean()) for name, rows in kinds.items()}
    return {**found, "standing still, the worst found": standstill(model, learnt)}


def transitions(demos: rexd.Demonstrations) -> list[dict[str, Any]]:
    """What DI-engine's collectors write."""
    return [
        {"obs": obs, "action": act, "done": step == len(t) - 1}
        for t in demos
        for step, (obs, act) in enumerate(zip(t.observations, t.actions, strict=True))
    ]


def standstill(model: RedRewardModel, learnt: rexd.Demonstrations) -> float:
    """Mean reward of the best tenth of the standstills that a search finds (rexd.reward.standstill)."""
    if model.calibrated is not None:
        worst = standstill_novelty(model.calibrated.fitted_, learnt, VELOCITIES, model.seed)
        return float(model.calibrated.reward_of_novelty(worst).mean())
    columns = InputColumns.of(learnt, "state-action", clock=False)
    encoder = Encoder.fit(columns, columns.concatenate(Rows.of_transitions(learnt.transitions())))
    # The same search, in the same standardised space, by the error of the other model.
    worst = standstill_novelty(Documented(model, encoder), learnt, VELOCITIES, model.seed)
    return float(np.exp(-float(model.cfg.sigma) * worst).mean())


def cell(values: list[float]) -> str:
    low, mean, high = min(values), float(np.mean(values)), max(values)
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
