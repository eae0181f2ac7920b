"""``rexd benchmark``: run a suite, and report its results."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from rexd.cli import Interrupted
from rexd.cli import options as opt
from rexd.cli.show.output import note, print_json, print_table, stderr, warn
from rexd.cluster import address_of
from rexd.errors import RexdError, import_extra
from rexd.shown import visible

if TYPE_CHECKING:
    from rexd.benchmark.runs import Folders, RunSpec, State
    from rexd.benchmark.schedule import RunProgress
    from rexd.benchmark.suite import Suite

Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...")]
CRASHED = 1  # exit status


@dataclass(frozen=True)
class Command:
    """Run a suite of tasks, methods and seeds, each run in its own process, and report the results.

    Runs that have a result are skipped, and runs that were stopped continue from their checkpoint. A run that crashes
    is recorded and does not stop the others. The same command can be repeated until all runs are done. The exit status
    is 1 if runs crashed.

    Examples:
        rexd benchmark quick
        rexd benchmark red --data RED/data --methods rexd bc --regimes 4x20 --jobs 2
        rexd benchmark red --data RED/data --dry-run
        rexd benchmark red --report
        rexd benchmark mine.toml --data demos --tasks Hopper --seeds 0 1
    """

    suite: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SUITE")]
    """The name of a suite that rexd ships (experts, quick, red, shapes), or the path of a TOML file."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder of the demonstration files that rexd does not ship."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("benchmarks") / "results"
    """Folder of the results: in a folder of the suite's name, one JSON file for each run."""
    runs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs") / "benchmark"
    """Folder of the run folders with their checkpoints, of the logs and of the records of crashes, by suite as well."""
    tasks: Names = ()
    """Run only these tasks."""
    methods: Names = ()
    """Run only these methods."""
    regimes: Names = ()
    """Run only these regimes."""
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N ...")] = ()
    """Run these seeds instead of the suite's. A method that lists its own seeds or regimes keeps to them, unless it is
    named by --methods."""
    jobs: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Number of runs at a time, each with one thread on its own core. None: one run for each core."""
    ray: opt.Cluster = None
    """Execute the runs on the Ray cluster at ADDRESS, whose machines share the data; without ADDRESS a cluster of this
    machine is started. Put it last."""
    steps: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Largest number of environment steps of a training run, for a trial."""
    redo: bool = False
    """Also repeat the runs whose result or checkpoint was made with other settings."""
    dry_run: bool = False
    """List the runs and the state of each, and run nothing."""
    report: bool = False
    """Run nothing; print the tables of the results that exist, and write a figure and an HTML page."""
    write: bool = False
    """With --report, also renew the marked sections of README.md and docs/benchmark.md here, and the figure."""
    json: bool = False
    """Print the results as one JSON document."""

    def run(self) -> int:
        """Report, list or run the suite, as the options ask."""
        from rexd.benchmark.runs import Folders, expand, narrowed
        from rexd.benchmark.suite import load_suite

        self._check()
        suite = narrowed(
            load_suite(self.suite), tasks=self.tasks, methods=self.methods, regimes=self.regimes, seeds=self.seeds
        )
        folders = Folders(self.out, self.runs, self.data)
        if self.report:
            self._report(suite, folders)
            return 0
        runs = expand(suite, steps=self.steps)
        if not runs:
            raise RexdError("no run of the suite is left by the options; leave some of them out")
        if self.dry_run:
            self._list(runs, folders)
            return 0
        return self._run(suite, runs, folders)

    def _check(self) -> None:
        for name in ("jobs", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RexdError(f"--{name} is {value}; expected 1 or more")
        if self.write and not self.report:
            raise RexdError("--write belongs to --report, and renews the documents; give both")
        if self.write and (self.tasks or self.methods or self.regimes or self.seeds):
            raise RexdError("--write renews whole documents; leave --tasks, --methods, --regimes and --seeds out")

    def _list(self, runs: list[RunSpec], folders: Folders) -> None:
        from rexd.benchmark.runs import differences, state_of

        states = [state_of(run, folders) for run in runs]
        listed = list(zip(runs, states, strict=True))
        if self.json:
            print_json({"runs": [{"id": run.id, "state": state, "steps": run.steps} for run, state in listed]})
            return
        print_table(
            ("run", "state", "steps", "differs"),
            [(run.id, state, f"{run.steps:,}", "; ".join(differences(run, folders))) for run, state in listed],
        )
        note(", ".join(f"{count} {state}" for state, count in Counter(states).items()))

    def _run(self, suite: Suite, runs: list[RunSpec], folders: Folders) -> int:
        import_extra("gymnasium", "train")
        from rexd.benchmark.on_ray import run_all_on_ray
        from rexd.benchmark.pace import Pace
        from rexd.benchmark.runs import check_data, folder_differences, results_of, state_of
        from rexd.benchmark.schedule import Phase, run_all
        from rexd.cli.show.benchmark import Lines, LiveTable, summary

        address = address_of(self.ray)
        states = {run.id: state_of(run, folders) for run in runs}
        left = [run for run in runs if states[run.id] in self._wanted()]
        check_data(left, folders)
        self._tell(runs, states, folders)
        console, jobs = stderr(), self.jobs or os.cpu_count() or 1
        pace = Pace(results_of(suite, folders))
        shown = (LiveTable if console.is_terminal else Lines)(console, pace, jobs=jobs)
        try:
            with shown:
                anew = [run for run in left if folder_differences(run, folders)]
                if address is None:
                    made = run_all(left, folders, jobs=jobs, watch=shown, anew=anew)
                else:
                    made = run_all_on_ray(left, folders, address=address, jobs=self.jobs, watch=shown, anew=anew)
        except KeyboardInterrupt:
            raise Interrupted(folders.runs, ()) from None
        crashed = [item for item in made if item.phase is Phase.CRASHED]
        for item in crashed:
            warn(f"{item.run.id} crashed: {item.error}; see {folders.log(item.run)}", console)
        if self.json:
            print_json({"runs": [_outcome(run, states[run.id], made, folders) for run in runs]})
        elif made:
            note(summary(made, pace, jobs), console)
        return CRASHED if crashed else 0

    def _wanted(self) -> set[State]:
        from rexd.benchmark.runs import State

        return {State.NEW, State.STARTED} | ({State.STALE} if self.redo else set())

    def _tell(self, runs: list[RunSpec], states: dict[str, State], folders: Folders) -> None:
        """Print which runs are skipped, and why."""
        from rexd.benchmark.runs import State, differences

        if done := sum(state is State.DONE for state in states.values()):
            note(f"{done} of {len(states)} runs have their result already")
        for run in runs:
            if states[run.id] is State.STALE and not self.redo:
                changes = "; ".join(differences(run, folders))
                warn(f"{run.id} was made with other settings ({changes}) and stays as it is; --redo does it again")

    def _report(self, suite: Suite, folders: Folders) -> None:
        from rexd.benchmark.documents import sections, write_documents, write_text
        from rexd.benchmark.figures import draw
        from rexd.benchmark.page import page
        from rexd.benchmark.scores import Results, summary

        results = Results.read(suite, folders)
        if not results.results:
            raise RexdError(
                f"{folders.results / suite.name} has no result of suite {suite.name}; run it first, or name --out"
            )
        figure = draw(results)
        written = write_documents(results, figure, root=Path()) if self.write else []
        html, svg = (folders.runs / f"report-{suite.name}.{kind}" for kind in ("html", "svg"))
        write_text(html, page(results, figure, made=date.today()))
        write_text(svg, figure)
        if self.json:
            files = [str(path) for path in (*written, html, svg)]
            print_json({"suite": suite.name, "methods": summary(results), "files": files})
            return
        print("\n\n".join("\n".join(map(visible, text.splitlines())) for text in sections(results).values()))
        note(f"wrote {', '.join(str(path) for path in (*written, html, svg))}")
        if self.write and not written:
            note("the documents were up to date")


def _outcome(run: RunSpec, before: State, made: list[RunProgress], folders: Folders) -> dict[str, Any]:
    from rexd.benchmark.runs import read_result

    item = next((item for item in made if item.run == run), None)
    result = read_result(folders.result(run))
    return {
        "id": run.id,
        "state": before if item is None else item.phase,
        "error": None if item is None else item.error,
        "result": str(folders.result(run)) if result is not None else None,
        "return_mean": None if result is None else result["return_mean"],
        "seconds": None if result is None else result["seconds"],
    }
