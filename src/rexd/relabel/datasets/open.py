"""Which layout a dataset has, told by its content."""

from __future__ import annotations

from pathlib import Path

from rexd.demos import streamed
from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.source import Source
from rexd.reading.formats import d4rl, minari, npz_arrays, rexd_npz
from rexd.relabel.datasets.dataset import Dataset
from rexd.relabel.datasets.hdf5 import D4RL
from rexd.relabel.datasets.minari import Minari
from rexd.relabel.datasets.npz import Npz
from rexd.relabel.datasets.parquet import ParquetFiles, parquet_files


def open_dataset(place: str, scratch: Path) -> Dataset:
    """Open a dataset to relabel it; its rows are not read yet.

    Args:
        place: A file, a folder, or the id of a local Minari dataset.
        scratch: A folder for what must be unpacked to be read in blocks.

    Raises:
        UnsafeFileError: A file would execute code, or refers to other files.
        DemonstrationError: It cannot be used, or is in a layout that cannot be copied.
    """
    source = Source(place)
    if minari.sniff(source):
        return Minari(source)
    if files := parquet_files(source):
        return ParquetFiles(source, files)
    if source.is_file and d4rl.sniff(source):
        return D4RL(source)
    if source.is_file and (rexd_npz.sniff(source) or npz_arrays.sniff(source)):
        return Npz(source, scratch)
    raise DemonstrationError(
        f"{place}: {'is no dataset that can be relabelled' if source.exists else 'does not exist'}; expected D4RL's "
        "HDF5, an npz of arrays, a Minari dataset or a folder of Parquet files. rexd convert makes the first three of "
        "all that rexd reads"
    )


def large_npz(place: str, scratch: Path) -> Demonstrations | None:
    """Return the episodes of an npz, to be read in blocks, if it is too large to be read at once; else None.

    The reading room holds an npz in memory, which learning from it needs and scoring it does not.

    Raises:
        UnsafeFileError: The file would execute code.
    """
    source = Source(place)
    if not source.is_file or source.path.stat().st_size <= streamed.STREAM_BYTES:
        return None
    if not (rexd_npz.sniff(source) or npz_arrays.sniff(source)):
        return None
    try:
        found = Npz(source, scratch)
    except UnsafeFileError:
        raise
    except DemonstrationError:  # the reading room knows more layouts of arrays, and says what is wrong with others
        return None
    return None if found.has_unused else found.demos
