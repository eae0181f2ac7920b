"""The registry of file formats; each format is one module of this package.

A new format is a module with ``sniff``, ``load`` and ``FORMAT``, an entry in ``FORMATS`` (or in ``CONTENT_FORMATS`` of
``contents``, if all that it reads is a saved object), a line in docs/formats.md, and a test module
``tests/reading/formats/test_<module>.py`` with a ``golden`` (see ``tests/helpers/golden.py``). If its ``FORMAT`` is a
``WrittenFormat``, ``rexd convert`` writes it too.
"""

from __future__ import annotations

from rexd.reading.formats import (
    aloha,
    array_pair,
    csv_pair,
    csv_plain,
    csv_states,
    csv_table,
    d3rlpy_hdf5,
    d4rl,
    expert_dataset,
    gail_experts,
    hdf5_arrays,
    hdf5_groups,
    imitation_arrow,
    imitation_npz,
    lerobot,
    minari,
    npz_arrays,
    npz_objects,
    npz_plain,
    parquet_table,
    rexd_npz,
    robomimic,
)
from rexd.reading.formats.contents import CONTENT_FORMATS
from rexd.reading.formats.format import Format, WrittenFormat

FORMATS: tuple[Format, ...] = (
    rexd_npz.FORMAT,
    minari.FORMAT,
    imitation_npz.FORMAT,
    expert_dataset.FORMAT,
    npz_arrays.FORMAT,
    npz_objects.FORMAT,
    npz_plain.FORMAT,
    lerobot.FORMAT,
    imitation_arrow.FORMAT,
    d4rl.FORMAT,
    gail_experts.FORMAT,
    robomimic.FORMAT,
    hdf5_groups.FORMAT,
    d3rlpy_hdf5.FORMAT,
    aloha.FORMAT,
    parquet_table.FORMAT,
    hdf5_arrays.FORMAT,
    array_pair.FORMAT,
    *CONTENT_FORMATS,
    csv_table.FORMAT,
    csv_pair.FORMAT,
    csv_states.FORMAT,
    csv_plain.FORMAT,
)
"""All formats in the order in which they are tried: a format that asks for more comes before one that asks for less."""

WRITTEN: dict[str, WrittenFormat] = {item.target: item for item in FORMATS if isinstance(item, WrittenFormat)}
"""The formats that rexd writes, by the short names that ``rexd convert --to`` takes."""

__all__ = ["FORMATS", "WRITTEN", "Format", "WrittenFormat"]
