"""The verb ``rexd convert``, which mends demonstrations and writes them in another format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from rexd.cli import options as opt
from rexd.cli.mending import MendOptions, mend
from rexd.cli.reading import Reading, read_as_recorded
from rexd.cli.show.output import note, print_json, print_table
from rexd.cli.show.waiting import Waiting
from rexd.demos.choices import describe_one
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.states_alone import without_actions
from rexd.demos.streamed import lengths_of
from rexd.errors import DemonstrationError, RexdError, UnsafeFileError
from rexd.inspection.mends.target_format import fit_to_format
from rexd.reading.formats import WRITTEN, WrittenFormat

if TYPE_CHECKING:
    from rexd.reading.environment_facts import EnvironmentFacts

    Target = str
else:
    Target = Literal[tuple(WRITTEN)]  # the choices of --to


@dataclass(frozen=True)
class ReadOptions(opt.SelectionOptions):
    """How to read a demonstration file, and how much of it to write."""

    env: opt.EnvId = None
    """Gymnasium id, or module:Id. Columns are compared with the environment, and its name is recorded; actions are
    clipped only if --clip-actions is given."""
    episode_length: opt.Count = None
    """Steps of each trajectory; if the file marks other ends, the rows are cut anew."""
    columns: Annotated[str | None, tyro.conf.arg(metavar="A:B", aliases=["--obs-columns"])] = None
    """Observation columns to keep, such as 0:27 or 0,1,5:9."""
    trajectories: opt.Count = None
    """Write the first N trajectories. None: all."""
    subsample: Annotated[int, tyro.conf.arg(metavar="K")] = 1
    """Write every K-th transition of each trajectory, from a random offset. Minari cannot hold these."""
    without_actions: bool = False
    """Write the states alone, as if no action had been recorded. Only rexd's npz can hold these."""


@dataclass(frozen=True)
class Command:
    """Convert demonstrations of any format that rexd reads to Minari, rexd's npz or D4RL, and mend them on the way.

    Every array keeps its bytes except where an option changes them. What a format cannot hold is refused or noted. The
    mends are those that rexd inspect proposes (docs/convert.md).

    Examples:
        rexd convert demos.npz hopper-expert-v0 --env Hopper-v5
        rexd convert episodes/ demos.npz
        rexd convert Ant-v2.pkl ant.hdf5 --obs-columns 0:27 --clip-actions -1:1
        rexd convert late.pkl mended.npz --shift-actions 1 --time-limit-is-truncation 1000
    """

    files: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="FILE... OUT")]
    """Files, folders, patterns in quotes ('episodes/*.npz'), ids of local Minari datasets, or 'bundled', and last the
    output: a folder (a Minari dataset), or a file named .npz (rexd's own format), .hdf5 or .h5 (D4RL's)."""
    to: Target | None = None
    """The format, if the name of OUT does not tell it. Only npz holds everything."""
    overwrite: bool = False
    """Replace OUT if it exists."""
    leave_out: Annotated[str | None, tyro.conf.arg(metavar="A,B:C")] = None
    """Trajectories to leave out, such as 3,17:20; with --trajectories, they are counted among the first N."""
    mends: Annotated[MendOptions, tyro.conf.arg(name="")] = field(default_factory=MendOptions)
    data: Annotated[ReadOptions, tyro.conf.arg(name="")] = field(default_factory=ReadOptions)
    seed: int = 0
    """Seed of the random offsets of --subsample."""
    json: bool = False
    """Print one JSON document and nothing else."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """What is read."""
        return self.files[:-1]

    @property
    def output(self) -> Path:
        """What is written."""
        return Path(self.files[-1])

    def run(self) -> None:
        """Read, mend and write the demonstrations, and report what was done."""
        if len(self.files) < 2:
            raise RexdError(
                "expected what to read and, as the last word, the output: rexd convert demos.npz mended.npz"
            )
        target = target_of(self.output, self.to)
        check_output(self.output, target, overwrite=self.overwrite)
        if self.data.columns is not None and self.mends.drop_columns is not None:
            raise RexdError("--obs-columns and --drop-columns exclude each other; give the one or the other")
        env = None
        if self.data.env is not None:
            env = opt.open_environment(self.data.env, opt.environment_arguments(self.data.env_kwargs))
        try:
            with Waiting(f"reading {opt.shown(self.inputs)}") as waiting:
                task = _task(env)
                reading = read(self.inputs, self.data, task)
                waiting.step("mending", 1, 3)
                demos = mend(_selected(reading.demos, self.data.trajectories, self.leave_out), self.mends, task)
                demos = without_actions(demos) if self.data.without_actions else demos
                demos = _thinned(demos, self.data.subsample, self.seed)
                demos = demos if env is None else _of_environment(demos, env)
                demos = fit_to_format(demos, target.target)
                waiting.step(f"writing {self.output}", 2, 3)
                saved = write(demos, self.output, target, overwrite=self.overwrite)
        finally:
            if env is not None:
                env.close()
        self._tell(reading, demos, target, saved)

    def _tell(self, reading: Reading, demos: Demonstrations, target: WrittenFormat, saved: Path) -> None:
        before, read, written = len(reading.demos.notes), _counts(reading.demos), _counts(demos)
        size = sum(item.stat().st_size for item in ([saved] if saved.is_file() else saved.rglob("*")) if item.is_file())
        if self.json:
            print_json(
                {
                    "read": {"file": opt.named(self.inputs), "format": reading.format, **read},
                    "notes": list(reading.demos.notes),
                    "done": list(demos.notes[before:]),
                    "written": {"output": str(saved), "format": target.name, **written, "bytes": size},
                }
            )
            return
        for text in demos.notes:
            note(text)
        print_table(["", "read", "written"], _rows(read, written))
        note(f"read {opt.shown(self.inputs)}, {reading.format}; wrote {saved}, {target.name}, {size / 1e6:,.2f} MB")


def target_of(output: Path, to: str | None) -> WrittenFormat:
    """Return the format in which to write an output: the one that is named, or else the one of its suffix.

    Raises:
        RexdError: No format is named, and the suffix tells none.
    """
    if to is not None:
        return WRITTEN[to]
    suffix = output.suffix.lower()
    found = next((item for item in WRITTEN.values() if suffix in item.suffixes), None)
    if found is None:
        known = ", ".join(suffix or "a folder" for item in WRITTEN.values() for suffix in item.suffixes)
        raise RexdError(
            f"{output}: the suffix {output.suffix!r} names no format that rexd writes; expected one of {known}, or the "
            f"format itself: {', '.join(f'--to {name}' for name in WRITTEN)}"
        )
    return found


def check_output(output: Path, target: WrittenFormat, *, overwrite: bool) -> None:
    """Refuse an output that exists and may not be replaced.

    Raises:
        RexdError: Something is at the path, and ``overwrite`` is false or it is not of the kind that is written.
    """
    if not output.exists() and not output.is_symlink():
        return
    if target.check_folder is not None and output.is_dir() and not any(output.iterdir()):
        return
    if not overwrite:
        raise RexdError(f"{output}: exists; name another file or folder, or replace it with --overwrite")
    if target.check_folder is not None:
        target.check_folder(output)
    elif output.is_dir():
        raise RexdError(f"{output}: is a folder, and {target.name} is one file; name another, or remove the folder")


def read(files: Sequence[str], options: opt.DataOptions, task: EnvironmentFacts | None) -> Reading:
    """Read files as they were recorded; if their marked ends contradict ``episode_length``, the rows are cut anew.

    Raises:
        RexdError: A file or an option cannot be used.
    """
    try:
        return read_as_recorded(files, options, task)
    except UnsafeFileError:
        raise
    except DemonstrationError as refused:
        if options.episode_length is None:
            raise
        # In other verbs a length that contradicts the file is a mistake, but here it may be what mends the file.
        from rexd.inspection.mends.order import recut

        try:
            found = read_as_recorded(files, replace(options, episode_length=None), task)
        except DemonstrationError:
            raise refused from None
        return replace(found, demos=recut(found.demos, options.episode_length))


def write(demos: Demonstrations, output: Path, target: WrittenFormat, *, overwrite: bool) -> Path:
    """Write the file or folder in one step.

    Raises:
        RexdError: Something that may not be replaced has come to the path since it was first checked.
    """
    check_output(output, target, overwrite=overwrite)
    return target.save(demos, output)


def _task(env: Any) -> EnvironmentFacts | None:
    if env is None:
        return None
    from rexd.reading.environment_facts import environment_facts

    return environment_facts(env)


def _selected(demos: Demonstrations, count: int | None, left_out: str | None) -> Demonstrations:
    from rexd.inspection.mends.values import keep_first, leave_out

    demos = demos if count is None else keep_first(demos, count)
    return demos if left_out is None else leave_out(demos, opt.parse_columns(left_out))


def _thinned(demos: Demonstrations, k: int, seed: int) -> Demonstrations:
    from rexd.inspection.mends.values import thin

    return demos if k == 1 else thin(demos, k, seed)


def _of_environment(demos: Demonstrations, env: Any) -> Demonstrations:
    """Return demonstrations compared with the environment and named after it, but not clipped to its bounds."""
    from rexd.demos.spaces import fit_to_spaces
    from rexd.envs.make import environment_name

    fitted = fit_to_spaces(demos, env.observation_space, env.action_space)
    if demos.n_actions is None and fitted.n_actions is not None:
        demos = fitted  # columns of whole numbers are integers for several choices
    name = environment_name(env)
    noted = demos.notes if demos.env_id == name else (*demos.notes, f"recorded {name} as the environment")
    return replace(demos, n_actions=fitted.n_actions, env_id=name, notes=noted)


def _counts(demos: Demonstrations) -> dict[str, Any]:
    first = demos.trajectories[0]
    terminated = missing = paid = 0
    for t in demos:
        terminated += bool(t.terminated[-1])
        missing += int((~t.next_known).sum())
        paid += t.rewards is not None
    return {
        "env_id": demos.env_id,
        "trajectories": len(demos),
        "transitions": demos.n_transitions,
        "unused_transitions": int(lengths_of(demos.unused).sum()),
        "terminated": terminated,
        "observations": {"columns": demos.obs_dim, "dtype": str(first.observations.dtype)},
        "actions": {
            "columns": None if demos.n_actions is not None else demos.act_dim,
            "count": demos.n_actions,
            "dtype": str(first.actions.dtype),
        },
        "next_observations_missing": missing,
        "rewards": paid == len(demos),
    }


def _rows(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows of a table that compares a few of the counts."""

    def actions(found: dict[str, Any]) -> str:
        kind = found["actions"]
        return f"{kind['columns']}" if kind["count"] is None else describe_one(kind["count"])

    names = ("trajectories", "transitions", "terminated")
    return [
        *((name, f"{before[name]:,}", f"{after[name]:,}") for name in names),
        ("observation columns", *(f"{found['observations']['columns']}" for found in (before, after))),
        ("action columns", actions(before), actions(after)),
        ("rewards", *("recorded" if found["rewards"] else "none" for found in (before, after))),
    ]
