"""The file formats, one module each.

A new format is a module with ``sniff``, ``load`` and ``FORMAT``, a line in ``FORMATS``, and a test module
``tests/demos/formats/test_<module>.py`` with a ``golden`` (see ``golden.py`` there).
"""

from __future__ import annotations

from rexd.reading.formats import (
    array_dict,
    csv_pair,
    csv_plain,
    csv_table,
    d4rl,
    expert_dataset,
    gail_experts,
    hdf5_arrays,
    imitation_arrow,
    imitation_npz,
    lerobot,
    minari,
    npz_arrays,
    npz_objects,
    npz_plain,
    plain_array,
    red_pickle,
    rexd_npz,
    robomimic,
    trajectory_dicts,
    transition_dicts,
    tuples,
)
from rexd.reading.formats.format import Format

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
    hdf5_arrays.FORMAT,
    transition_dicts.FORMAT,
    trajectory_dicts.FORMAT,
    tuples.FORMAT,
    array_dict.FORMAT,
    plain_array.FORMAT,
    red_pickle.FORMAT,
    csv_table.FORMAT,
    csv_pair.FORMAT,
    csv_plain.FORMAT,
)
"""In the order in which they are tried: what asks for more comes before what asks for less."""

__all__ = ["FORMATS", "Format"]
