"""`rexd.ding` against a straightforward implementation of the same interface, item by item."""

from __future__ import annotations

import pickle
import random
import tempfile
from pathlib import Path
from typing import Any

import torch

from rexd.ding import RedRewardModel, SENet

from measuring import in_turns, seconds

ROWS, OBS, ACT = 10_000, 11, 3
TURNS = 25


def _model(folder: str, rows: list[dict[str, Any]]) -> RedRewardModel:
    path = Path(folder) / "expert_data.pkl"
    path.write_bytes(pickle.dumps(rows[:1000]))
    return RedRewardModel({"expert_data_path": str(path)})


def _rows() -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    return [
        {
            "obs": torch.randn(OBS, generator=generator),
            "action": torch.randn(ACT, generator=generator),
            "reward": torch.zeros(1),
        }
        for _ in range(ROWS)
    ]


def _gather(rows: list[dict[str, Any]]) -> torch.Tensor:
    """Stacked (batch, OBS + ACT), as anyone would write it."""
    obs = torch.stack([row["obs"] for row in rows]).float()
    return torch.cat([obs, torch.stack([row["action"] for row in rows]).float()], dim=1)


def _networks(model: RedRewardModel, x: torch.Tensor) -> torch.Tensor:
    online, target = model.online_net, model.target_net
    assert online is not None
    assert target is not None
    with torch.no_grad():
        return torch.exp(-5 * ((online(x) - target(x)) ** 2).mean(dim=1))


def ding_list() -> dict[str, Any]:
    """`estimate` of a list of 10,000 dicts, against the plain way, and against gathering and networks alone."""
    rows = _rows()
    with tempfile.TemporaryDirectory() as folder:
        model = _model(folder, rows)

    def plain() -> None:
        for row, reward in zip(rows, _networks(model, _gather(rows)), strict=True):
            row["reward"] = reward

    ours, per_item, bare = in_turns(
        lambda: seconds(lambda: model.estimate(rows)),
        lambda: seconds(plain),
        lambda: seconds(lambda: _networks(model, _gather(rows))),
        turns=TURNS,
    )
    return {
        "ratio": per_item / ours,
        "ratio_bare": ours / bare,
        "aim": "at least 2, and at most 1.25 of gathering and networks alone",
        "met": per_item / ours >= 2 and ours / bare <= 1.25,
        "what": f"estimate of {ROWS} dicts {ours * 1e3:.1f} ms; item by item {per_item * 1e3:.1f} ms; gathering and "
        f"networks alone {bare * 1e3:.1f} ms ({ours / bare:.2f})",
    }


def ding_batch() -> dict[str, Any]:
    """`estimate` of a dict of stacked tensors, against the networks alone."""
    rows = _rows()
    with tempfile.TemporaryDirectory() as folder:
        model = _model(folder, rows)
    batch = {name: torch.stack([row[name] for row in rows]) for name in ("obs", "action")}
    x = _gather(rows)
    ours, bare = in_turns(
        lambda: seconds(lambda: model.estimate(batch)), lambda: seconds(lambda: _networks(model, x)), turns=TURNS
    )
    return {
        "ratio": ours / bare,
        "aim": "at most 1.1",
        "met": ours / bare <= 1.1,
        "what": f"estimate of {ROWS} stacked rows {ours * 1e3:.1f} ms; networks alone {bare * 1e3:.1f} ms",
    }


def ding_train() -> dict[str, Any]:
    """`train` at the documented defaults, against drawing lists of dicts batch by batch."""
    rows = _rows()

    def ours() -> float:
        with tempfile.TemporaryDirectory() as folder:
            model = _model(folder, rows)
        return seconds(model.train)

    def plain() -> float:
        target, online = SENet(OBS + ACT, 128, 1), SENet(OBS + ACT, 128, 1)
        opt = torch.optim.Adam(online.parameters(), 1e-3)
        expert = rows[:1000]

        def loop() -> None:
            for _ in range(100):
                x = _gather(random.sample(expert, 64))
                with torch.no_grad():
                    wanted = target(x)
                loss = ((online(x) - wanted) ** 2).mean()
                opt.zero_grad()
                loss.backward()
                opt.step()
                loss.item()

        return seconds(loop)

    quick, slow = in_turns(ours, plain, turns=TURNS)
    return {
        "ratio": slow / quick,
        "aim": "at least 5",
        "met": slow / quick >= 5,
        "what": f"train of 1000 rows {quick * 1e3:.1f} ms; item by item {slow * 1e3:.1f} ms",
    }
