"""What every file format provides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rexd.demos.demonstrations import Demonstrations
from rexd.reading.containers.source import Source
from rexd.reading.rows.hints import Hints


@dataclass(frozen=True)
class Format:
    """One way to store demonstrations; each module of ``rexd.reading.formats`` has one, named ``FORMAT``.

    Attributes:
        name: For messages; says what such a file holds and, where there is one, the tool that writes it.
        sniff: Whether a source is of this format, told by its content and never by its name. Cheap, and false
            without an error for sources of another kind, damaged ones too. What cannot be told without opening a
            container that is damaged or hostile raises the container's own ``RexdError``.
        load: Reads it.
        save: Writes demonstrations, where rexd can.
        records_boundaries: Whether every file of this format says where trajectories begin; ``load`` then ignores
            ``Hints.episode_length``, and a length that differs from the recorded ones is refused for it.
        takes_columns: Whether ``load`` itself uses ``Hints.columns`` to tell observations from actions; otherwise
            they are selected after loading.
        streams: Whether ``load`` reads files that are larger than memory; others are refused from
            ``MAX_FILE_BYTES`` on.
    """

    name: str
    sniff: Callable[[Source], bool]
    load: Callable[[Source, Hints], Demonstrations]
    save: Callable[[Demonstrations, Path], Path] | None = None
    records_boundaries: bool = False
    takes_columns: bool = False
    streams: bool = False
