"""A diagnosis for people: a table of probes, findings, and the grade in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from rexd.cli.show.findings import print_findings
from rexd.cli.show.output import print_filled, print_table, warn
from rexd.cli.show.text import number
from rexd.shown import plain

if TYPE_CHECKING:
    from rexd.diagnosis.diagnose import Diagnosis
    from rexd.diagnosis.thorough import Refit

REFITTED = ("fitted again with", "rows", "rank correlation", "held-out reward", "largest change of an AUROC")
HEADINGS = ("what it pays for", "rows", "reward", "novelty / ℓ", "AUROC [95% interval]", "passes", "learned return")
_STYLES = {"good": "bold green", "doubtful": "bold yellow", "poor": "bold red"}


def print_diagnosis(found: Diagnosis, *, named: bool) -> None:
    """Print what was found about one reward; ``named`` prints its name first, where there are several."""
    console = Console(highlight=False)
    if named:
        console.print(Text(plain(found.name), style="bold underline"), soft_wrap=True)
    print_filled(HEADINGS, [_row(probe) for probe in found.to_dict()["probes"]])
    ranks = found.sight.ranks
    if ranks is not None and ranks.spearman is not None:
        interval = f"[{ranks.low:.2f}, {ranks.high:.2f}]"
        console.print(
            f"rank correlation of learned and true return over {ranks.trajectories} trajectories: "
            f"{ranks.spearman:.2f} {interval}",
            soft_wrap=True,
            markup=False,
        )
    if found.refits:
        print_table(REFITTED, [_refitted(refit, found) for refit in found.refits])
    print_findings(found.findings)
    console.print(_graded("grade", found), soft_wrap=True)


def print_short(found: Diagnosis, console: Console) -> None:
    """Print the grade of a reward in one line, and a line for each finding that is a warning or an error."""
    console.print(_graded("diagnosis of the reward", found), soft_wrap=True)
    for finding in found.findings:
        if finding.severity != "info":
            warn(f"{finding.code}: {finding.message}" + (f" → {finding.mend}" if finding.mend else ""), console)


def _graded(what: str, found: Diagnosis) -> Text:
    line = Text(f"{what}: ").append(found.grade.word, style=_STYLES[found.grade.word])
    return line.append(f" · {found.grade.sentence}")


def _refitted(refit: Refit, found: Diagnosis) -> tuple[str, ...]:
    most = refit.farthest(found.sight)
    return (
        refit.what,
        f"{refit.rows:,}",
        "-" if refit.ranks is None else f"{refit.ranks:.3f}",
        f"{refit.held_out:.3f}",
        "" if most is None else f"{most[1]:+.2f} ({most[0]})",
    )


def _row(probe: dict[str, object]) -> tuple[str, ...]:
    apart, paid = probe["separation"], probe.get("learned_return")
    auroc = passes = ""
    if isinstance(apart, dict):
        auroc = f"{apart['auroc']:.2f} [{apart['low']:.2f}, {apart['high']:.2f}]"
        passes = f"{apart['accepted']:.0%}"
    novelty = probe["novelty"]
    return (
        str(probe["name"]),
        f"{probe['rows']:,}",
        f"{probe['reward']:.3f}",
        number(novelty) if isinstance(novelty, float) else "-",
        auroc,
        passes,
        number(paid) if isinstance(paid, float) else "",
    )
