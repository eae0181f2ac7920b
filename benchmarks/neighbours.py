"""How quickly the nearest demonstrated row is found: all rows compared, and an inverted file of faiss.

``python benchmarks/neighbours.py`` measures one index of the reward ``nearest-neighbour`` for each size and kind of
rows, in one thread, and writes ``benchmarks/results/neighbours.json`` after each; those that are there are not measured
again. ``--page`` measures nothing, and writes the table of docs/rivals.md. 10⁷ rows take 2 GB of memory and minutes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch

from rexd.benchmark.documents import renewed
from rexd.benchmark.machine import machine
from rexd.files import atomic_path, write_json
from rexd.reward.rivals.neighbours import Index, index_of

from measuring import processor_seconds

ROOT = Path(__file__).parents[1]
OUT, PAGE = ROOT / "benchmarks" / "results" / "neighbours.json", ROOT / "docs" / "rivals.md"
COLUMNS, FEW = 14, 4
CASES = {
    "20,000, noise": (20_000, COLUMNS),
    "100,000, noise": (100_000, COLUMNS),
    "100,000, in four dimensions": (100_000, FEW),
    "1,000,000, in four dimensions": (1_000_000, FEW),
    "10,000,000, in four dimensions": (10_000_000, FEW),
}
ASKED, COMPARED = 4096, 64  # rows that the inverted file, and the comparison with all rows, are asked about


def made(rows: int, dimensions: int, seed: int) -> torch.Tensor:
    """Return rows of ``COLUMNS`` columns: noise, or a smooth curved surface of fewer dimensions."""
    rng = np.random.default_rng(seed)
    if dimensions == COLUMNS:
        return torch.from_numpy(rng.standard_normal((rows, COLUMNS), np.float32))
    # the surface is the same for all seeds
    mix = np.random.default_rng(0).standard_normal((dimensions, COLUMNS), np.float32)
    return torch.from_numpy(np.sin(rng.standard_normal((rows, dimensions), np.float32) @ mix))


def measure(rows: int, dimensions: int) -> dict[str, Any]:
    """Make both indices, and ask them about further rows of the same kind."""
    data, asked = made(rows, dimensions, 1), made(ASKED, dimensions, 2)
    found: dict[str, Index] = {}

    def build() -> None:
        found["file"] = index_of(data, 1, 0, approximate=True)

    making = processor_seconds(build)
    file, exact, few = found["file"], index_of(data, 1, 0, approximate=False), asked[:COMPARED]
    file.search(few)
    near, true = (index.rows[index.search(few)[:, 0]] for index in (file, exact))
    away, least = (torch.linalg.vector_norm(few - each, dim=1) for each in (near, true))
    return {
        "rows": rows,
        "lists": 0 if file.centres is None else len(file.centres),
        "making_seconds": round(making, 1),
        "compared_ms": round(1e3 * processor_seconds(lambda: exact.search(few)) / len(few), 3),
        "file_ms": round(1e3 * processor_seconds(lambda: file.search(asked)) / len(asked), 4),
        "nearest_found": float((away <= least * (1 + 1e-6)).double().mean()),
        "too_large": float((away.sum() / least.sum()).double()) - 1.0,
    }


def table(measured: dict[str, dict[str, Any]]) -> str:
    """Return the table of Markdown."""
    lines = [
        "| rows | the file is made in | all compared | inverted file | nearest row found | distance too large by |",
        "|---" + "|--:" * 5 + "|",
    ]
    lines += [
        f"| {name} | {cell['making_seconds']:,.0f} s | {cell['compared_ms']:.3g} ms | {cell['file_ms']:.2g} ms "
        f"| {cell['nearest_found']:.0%} | {cell['too_large']:.1%} |"
        for name, cell in measured.items()
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", action="store_true", help="write the table of docs/rivals.md from what is measured")
    given = parser.parse_args()
    content = json.loads(OUT.read_text()) if OUT.is_file() else {"machine": machine(), "cases": {}}
    if given.page:
        text = renewed(PAGE.read_text("utf-8"), "neighbours", {"index": table(content["cases"])})
        with atomic_path(PAGE) as temporary:
            temporary.write_text(text, "utf-8")
        return
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    for name, case in CASES.items():
        if name not in content["cases"]:
            content["cases"][name] = measure(*case)
            print(f"{name}: {content['cases'][name]}", flush=True)
            write_json(OUT, content)


if __name__ == "__main__":
    main()
