"""The tables of docs/scaling.md, from what benchmarks/scale.py has measured."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from rexd.benchmark.documents import renewed
from rexd.files import atomic_path

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
STAGES = {
    "open": "open: find the episodes, compare next observations with the rows that follow",
    "read": "read a shard, check it, count its steps",
    "standardise": "standardise its columns",
    "read, standardise and score": "all of a shard: read, standardised and scored",
    "the same with tiny networks": "the same with tiny networks (4 units)",
    "write": "write the copy",
    "bare predict": "for comparison: a bare `predict`",
    "bare copy": "for comparison: h5py's or pyarrow's copy with a column more",
}
FORMATS = {"hdf5": "HDF5", "parquet": "Parquet"}


def compared(turns: dict[str, Any]) -> dict[str, float]:
    """Return the medians of the seconds of all turns as ratios: relabelling over the bare copy and ``predict``."""
    found = {}
    for what in ("wall", "processor"):
        bare, relabel = (
            statistics.median(turn[name][f"{what}_seconds"] for turn in turns.values()) for name in ("bare", "relabel")
        )
        found[what] = round(relabel / bare, 3)
    return found


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a table of Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows))


def costs(content: dict[str, Any]) -> str:
    """Return the tables of what was measured."""
    sizes = {f"{int(rows):,}": known for rows, known in content["sizes"].items()}
    columns = [
        (f"{FORMATS[name]}, {rows}", known[name]["stages_us"])
        for name in FORMATS
        for rows, known in sizes.items()
        if "stages_us" in known.get(name, {})
    ]
    stages = table(
        ["µs of a core for each transition", *(name for name, _ in columns)],
        [[text, *(f"{found[stage]:.3g}" for _, found in columns)] for stage, text in STAGES.items()],
    )
    ways = table(
        [
            "`rexd relabel`, HDF5",
            "transitions",
            "seconds",
            "processor seconds",
            "peak of the process",
            "of its children",
        ],
        [
            [way, rows, *_spent(found), f"{found['children_peak_mb']:,} MB" if found["children_peak_mb"] else ""]
            for rows, known in sizes.items()
            for way, found in known["hdf5"].items()
            if isinstance(found, dict) and "load" in found
        ],
    )
    beside = table(
        [
            "in turns, all cores",
            "transitions",
            "copy and `predict`",
            "`rexd relabel`",
            "ratio",
            "ratio of processor seconds",
        ],
        [
            [
                FORMATS[name],
                rows,
                *(_median(known[name], of) for of in ("bare", "relabel")),
                *_ratio(known[name]["ratio"]),
            ]
            for rows, known in sizes.items()
            for name in FORMATS
            if "ratio" in known.get(name, {})
        ],
    )
    runs = [found for known in sizes.values() for each in known.values() for found in _runs(each)]
    loads = [found["load"] for found in runs]
    about = (
        f"Measured on {content['date']} with {content['cores_used']} of {content['machine']['cores']} cores "
        f"({content['machine']['processor']}), PyTorch {content['versions']['torch']}; the system's load was "
        f"{min(loads):.0f} to {max(loads):.0f}."
    )
    return "\n\n".join((about, stages, ways, beside))


def write_page(measured: Path) -> None:
    """Renew the tables of the page."""
    content = json.loads(measured.read_text())
    text = renewed(PAGE.read_text("utf-8"), "scale", {"costs": costs(content)})
    with atomic_path(PAGE) as temporary:
        temporary.write_text(text, "utf-8")


def _runs(known: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all commands that were run with a format."""
    turns = [found for turn in known.get("turns", {}).values() for found in turn.values()]
    return [*turns, *(found for found in known.values() if isinstance(found, dict) and "load" in found)]


def _spent(found: dict[str, Any]) -> tuple[str, str, str]:
    return f"{found['wall_seconds']:.3g}", f"{found['processor_seconds']:.3g}", f"{found['peak_mb']:,} MB"


def _median(found: dict[str, Any], name: str) -> str:
    seconds = statistics.median(turn[name]["wall_seconds"] for turn in found["turns"].values())
    return f"{seconds:.3g} s"


def _ratio(found: dict[str, float]) -> tuple[str, str]:
    return f"{found['wall']:.2f}", f"{found['processor']:.2f}"
