"""Ratios that say whether rexd is quick, each measured in turn with its yardstick in one run.

    python benchmarks/speed.py            # all, a few minutes
    python benchmarks/speed.py fit score  # some of them

Machines are noisy and differ; ratios in one run do not. Each pair is run in turns, and the ratio of the medians
counts. Writes `benchmarks/results/speed.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import rexd
from rexd.files import write_json
from rexd.reward.estimator.networks import EnsembleMLP, squared_error
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows

from measuring import in_turns, seconds
from speed_ding import ding_batch, ding_list, ding_train
from speed_training import step, train

RESULT = Path(__file__).parent / "results" / "speed.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", choices=[*MEASURES, []], help="default: all")
    chosen = parser.parse_args().which or list(MEASURES)
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in chosen:
        results[name] = result = MEASURES[name]()
        write_json(RESULT, results)
        verdict = "met" if result["met"] else "MISSED"
        print(f"{name}: {result['ratio']:.2f} ({result['aim']}: {verdict})  {result['what']}", flush=True)


def fit() -> dict[str, Any]:
    """Fitting and calibrating RED on 4000 transitions, against the plain loop."""
    demonstrations = rexd.bundled_demonstrations()
    rows = demonstrations.transitions()
    x = torch.from_numpy(np.concatenate([rows.obs, rows.act], axis=1))
    x = (x - x.mean(dim=0)) / x.std(dim=0)
    config = REDConfig()

    def plain_loop() -> None:
        generator = torch.Generator().manual_seed(0)
        target = EnsembleMLP((x.shape[1], *config.target_layers, config.outputs), 1, generator).requires_grad_(False)
        predictor = EnsembleMLP((x.shape[1], *config.predictor_layers, config.outputs), 1, generator)
        optimiser = torch.optim.Adam(predictor.parameters(), lr=config.learning_rate)
        for _ in range(200):
            for batch in torch.randperm(len(x), generator=generator).split(32):
                loss = squared_error(target, predictor, x[batch][None]).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

    ours, plain = in_turns(lambda: seconds(lambda: RED().fit(demonstrations)), lambda: seconds(plain_loop))
    return {
        "ratio": ours / plain,
        "aim": "at most 0.5",
        "met": ours / plain <= 0.5,
        "what": f"seconds to fit {len(x)} transitions, {ours:.1f}, to those of the plain loop, {plain:.1f}",
    }


def score() -> dict[str, Any]:
    """Scoring a million Hopper-shaped transitions, against the same networks on one prepared tensor."""
    rng = np.random.default_rng(0)
    demonstrations = rexd.Demonstrations(
        tuple(
            rexd.Trajectory.from_steps(rng.normal(size=(251, 11)), rng.uniform(-1, 1, size=(250, 3))) for _ in range(4)
        )
    )
    model = RED(updates=10).fit(demonstrations)
    n = 1_000_000
    obs = rng.normal(size=(n, 11)).astype(np.float32)
    act = rng.uniform(-1, 1, size=(n, 3)).astype(np.float32)
    prepared = model.encoder_.standardise(model.encoder_.raw(Rows(obs, act)))

    def networks(block: int) -> float:
        with torch.no_grad():
            return seconds(lambda: [model.fitted_.novelty_of_inputs(part) for part in prepared.split(block)])

    best = min((256, 512, 1024, 2048, 4096, 16384), key=networks)
    ours, bare = in_turns(lambda: seconds(lambda: model.predict(obs, act)), lambda: networks(best))
    return {
        "ratio": bare / ours,
        "aim": "at least 0.6",
        "met": bare / ours >= 0.6,
        "what": f"rate of predict, {n / ours:,.0f} rows/s, to that of the networks in blocks of {best}, "
        f"{n / bare:,.0f} rows/s",
    }


MEASURES: dict[str, Callable[[], dict[str, Any]]] = {
    "fit": fit,
    "score": score,
    "train": train,
    "step": step,
    "ding-list": ding_list,
    "ding-batch": ding_batch,
    "ding-train": ding_train,
}

if __name__ == "__main__":
    main()
