"""Demonstrations of several files as those of one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.streamed import Streamed, chained
from rexd.errors import DemonstrationError
from rexd.reading.containers.guards import MAX_FILE_BYTES
from rexd.reading.containers.npz import memory_limit

_SHOWN = 8
_KEPT = 2  # observations and next observations
_EXPANSION = 16  # as for one file: text and pickles grow, and each row keeps its next observation


def bytes_held(demos: Demonstrations) -> int:
    """Return the bytes in memory of all arrays of demonstrations; streamed trajectories take none."""
    held = (part for part in (demos.trajectories, demos.unused) if not isinstance(part, Streamed))
    return sum(array.nbytes for t in chain.from_iterable(held) for array in vars(t).values() if array is not None)


def check_held(source: str, held: int, size: int) -> None:
    """Refuse files that take far more memory than their sizes, or more than one file may take.

    Args:
        source: What messages call the files.
        held: The bytes in memory of what was read so far.
        size: The bytes of the files that were read so far.

    Raises:
        DemonstrationError: The arrays take too much memory.
    """
    limit = min(memory_limit(size, _EXPANSION), _KEPT * MAX_FILE_BYTES)
    if held > limit:
        raise DemonstrationError(
            f"{source}: the files of {size} bytes take {held} bytes in memory; expected at most {limit}. Read fewer "
            "files at once; those that take far more than their size are made to exhaust memory"
        )


def join_files(source: str, parts: Sequence[tuple[str, Demonstrations]], notes: Sequence[str]) -> Demonstrations:
    """Join the demonstrations of several files, in the given order.

    Args:
        source: What messages call all files together.
        parts: The name of each file, and its demonstrations.
        notes: What was done to all files, for the user.

    Raises:
        DemonstrationError: The files differ in their columns.
    """
    _check_alike(parts)
    every = [demos for _, demos in parts]
    tasks = {demos.env_id for demos in every}
    if len(tasks) > 1:
        named = ", ".join(sorted(map(str, tasks - {None})))
        notes = [*notes, f"the files do not all name the same environment (found {named}): none is taken from them"]
    counts = [demos.n_actions for demos in every if demos.n_actions is not None]
    return Demonstrations(
        chained([demos.trajectories for demos in every]),
        unused=chained([demos.unused for demos in every]),
        source=source,
        offsets=tuple(chain.from_iterable(demos.offsets for demos in every)) if all(d.offsets for d in every) else (),
        n_actions=max(counts, default=None),
        notes=(*notes, *_notes([(name, demos.notes) for name, demos in parts])),
        env_id=tasks.pop() if len(tasks) == 1 else None,
    )


def _check_alike(parts: Sequence[tuple[str, Demonstrations]]) -> None:
    first_name, first = parts[0]
    for name, demos in parts[1:]:
        if demos.obs_dim != first.obs_dim:
            found, expected = f"{demos.obs_dim} observation columns", str(first.obs_dim)
        elif (demos.n_actions is None) != (first.n_actions is None):
            kinds = ("continuous actions", "discrete actions")
            found, expected = kinds[demos.n_actions is not None], kinds[first.n_actions is not None]
        elif demos.n_actions is None and demos.act_dim != first.act_dim:
            found, expected = f"{demos.act_dim} action columns", str(first.act_dim)
        else:
            continue
        raise DemonstrationError(
            f"{name}: has {found}; expected {expected} as in {first_name}, since files that are read together are of "
            "one task. Read them apart"
        )


def _notes(noted: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Return the notes of single files, each once with the files that it is about."""
    files: dict[str, list[str]] = {}
    for name, notes in noted:
        for text in dict.fromkeys(notes):
            files.setdefault(text, []).append(name)
    found = []
    for text, names in list(files.items())[:_SHOWN]:
        few = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        found.append(f"in {f'each of {len(noted)} files' if len(names) == len(noted) else few}: {text}")
    if len(files) > _SHOWN:
        found.append(f"{len(files) - _SHOWN} more notes on single files; inspect one of them alone to see its notes")
    return found
