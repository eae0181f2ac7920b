"""The pages that ``rexd train`` leaves in its folders; that one cannot be written never fails a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rexd.cli.show.output import note, warn
from rexd.errors import MissingExtraError, RexdError

if TYPE_CHECKING:
    from rexd.demos.demonstrations import Demonstrations
    from rexd.rl.training.run_folder import Run

PAGE_FILE = "report.html"


def write_run_page(
    run: Run, whole: Demonstrations | None, used: Demonstrations | None, returns: tuple[float, ...] | None
) -> None:
    """Write the page of a run that has just ended, and say where it is or why it is not there.

    Args:
        run: The run.
        whole: The demonstrations before a part of them was selected; None where there are none.
        used: The part that was used.
        returns: The true returns of the whole trajectories that were used; None where they are not known.
    """
    _keep(run.path / PAGE_FILE, lambda: _write(run, whole, used, returns))


def write_page_of_seeds(folder: Path, runs: Sequence[Path]) -> None:
    """Write one page of the finished runs of several seeds, whose curves are drawn together.

    Args:
        folder: Where the page goes.
        runs: The run folders, one or more.
    """
    _keep(folder / PAGE_FILE, lambda: _write_seeds(folder, runs))


def _keep(path: Path, write: Callable[[], None]) -> None:
    """Write a page, and say where it is or why it is not there."""
    try:
        from rexd.report.page import check_page

        check_page()
        write()
    except MissingExtraError as error:
        note(f"the page with pictures of the run is not written: {error}")
    except Exception as error:  # the run is complete, whatever is wrong with its page
        warn(f"the page of the run could not be written ({type(error).__name__}: {error}); the run is complete")
    else:
        note(f"wrote {path}")


def _write(
    run: Run, whole: Demonstrations | None, used: Demonstrations | None, returns: tuple[float, ...] | None
) -> None:
    from rexd.cli.playing import play_for_page
    from rexd.cli.show.facts import describe, described
    from rexd.inspection.data.find import find
    from rexd.report.material import Material, named
    from rexd.report.page import write_page
    from rexd.rl.training.run_folder import REWARD_FILE

    (name,) = named([run.path])
    seen = None if whole is None or whole.streamed else whole  # a large file is not read once more
    facts = None if seen is None else {**describe(seen, seen), "format": None, "one_step": None}
    notes: list[str] = []
    try:
        episodes = {name: play_for_page(run.path, trust=True)}  # the run has imported what its folder names
    except RexdError as error:
        episodes = {}
        notes.append(f"No episodes of the policy were played: {error}")
    material = Material(
        title=f"{run.env}: {name}",
        facts={} if seen is None or facts is None else {"file": seen.source, **described(facts)},
        findings=None if seen is None else find(seen),
        demonstrations=None if seen is None else used,
        demonstrated=returns,
        rewards={name: run.reward()} if (run.path / REWARD_FILE).is_file() else {},
        runs={name: run},
        episodes=episodes,
        notes=notes,
    )
    write_page(material, run.path / PAGE_FILE)


def _write_seeds(folder: Path, paths: Sequence[Path]) -> None:
    from rexd.report.material import Material, named
    from rexd.report.page import write_page
    from rexd.rl.training.run_folder import REWARD_FILE, load_run

    runs = dict(zip(named(paths), map(load_run, paths), strict=True))
    first, run = next(iter(runs.items()))
    material = Material(
        title=f"{run.env}: {len(runs)} seeds",
        rewards={first: run.reward()} if (run.path / REWARD_FILE).is_file() else {},
        runs=runs,
        notes=["The page of each seed, in its run folder, has the demonstrations and episodes of its policy too"],
    )
    write_page(material, folder / PAGE_FILE)
