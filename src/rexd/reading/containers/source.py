"""A file, folder or dataset id while its format is being recognised: each container is opened once."""

from __future__ import annotations

import codecs
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from rexd.errors import import_extra
from rexd.reading.containers.csv import Table, read_layout
from rexd.reading.containers.guards import HDF5_MAGIC, check_file, naming_damage, read_head
from rexd.reading.containers.hdf5 import bound_cache, check_arrays, check_links
from rexd.reading.containers.npz import MAGIC, Npz, memory_limit, read_npy, zip_members
from rexd.reading.containers.pickles.torch_file import is_legacy_torch, load_legacy_torch, load_torch_zip, torch_prefix
from rexd.reading.containers.pickles.unpickler import load_pickle, loads_pickle, starts_like_pickle

_HEAD = 4096


class Nothing:
    """What ``Source.content`` is where a file holds no saved object; a pickle may well hold None."""

    def __repr__(self) -> str:
        """For messages."""
        return "nothing"


NOTHING: Final = Nothing()


class Source:
    """Where demonstrations are read from, with what is in it, read when first asked for and then kept.

    A property of another container than the source's is empty (``False``, ``NOTHING``, no names) and costs no more
    than the first bytes. Where the first bytes promise a container that turns out damaged, hostile or too large,
    the property raises the ``RexdError`` that says so.
    """

    def __init__(self, location: str | Path) -> None:
        """Take a path, or as a string the id of a local dataset; nothing is opened yet."""
        self.path = Path(location)
        self.text_id = location if isinstance(location, str) else None
        """The location as it was written, if as a string: a dataset id is no path."""
        self._hdf5_links_checked = False
        self._hdf5_claims: int | None = None

    def __repr__(self) -> str:
        """For debugging."""
        return f"Source({self.name!r})"

    @property
    def name(self) -> str:
        """The name for messages."""
        return str(self.path)

    @cached_property
    def exists(self) -> bool:
        """Whether there is such a file or folder."""
        return self.path.exists()

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @cached_property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.path.is_file()

    @cached_property
    def size(self) -> int:
        """The file's bytes, after ``check_file`` found that it can be data at all.

        Raises:
            DemonstrationError: It is missing, empty, too large, or plainly something else.
        """
        return check_file(self.path)

    @cached_property
    def memory_limit(self) -> int:
        """Bytes that arrays made of this file may take; what claims more is damaged or made to do harm."""
        return memory_limit(self.size, expansion=16)

    @cached_property
    def head(self) -> bytes:
        """The first 4096 bytes of a file, none of a folder."""
        return read_head(self.path, _HEAD) if self.is_file else b""

    # Saved objects: pickle, torch and npy files.

    @cached_property
    def looks_like_pickle(self) -> bool:
        """Whether it starts as a pickle of any protocol does."""
        return starts_like_pickle(self.head)

    @cached_property
    def content(self) -> Any:
        """The object in a pickle, torch or npy file, whichever holds it, or ``NOTHING``.

        Read by the allow-list unpickler: deques are lists, tensors are arrays, other mappings are dicts. An array
        of no dimensions that holds an object, as ``numpy.save`` makes of a dict, is that object.

        Raises:
            UnsafeFileError: It would execute code.
            DemonstrationError: It is damaged, or claims more than it holds.
        """
        if self.looks_like_pickle:
            return load_legacy_torch(self.path) if is_legacy_torch(self.head) else load_pickle(self.path)
        if self._torch_prefix is not None:
            return load_torch_zip(self.path, self._zip, self._torch_prefix)
        if self.head.startswith(MAGIC):
            return self._npy()
        return NOTHING

    @property
    def container(self) -> str | None:
        """What kind of file holds the object of ``content``, for messages."""
        if is_legacy_torch(self.head) or self._torch_prefix is not None:
            return "a torch file of"
        if self.looks_like_pickle:
            return "a pickled"
        return "an npy file of" if self.head.startswith(MAGIC) else None

    def _npy(self) -> Any:
        _ = self.size  # refuses files that are too large before they are read
        with naming_damage(self.name, "npy"):
            array = read_npy(io.BytesIO(self.path.read_bytes()), self.name, unpickle=loads_pickle)
        return array.item() if array.ndim == 0 and array.dtype.hasobject else array

    # Zip archives: npz, and torch since 1.6.

    @cached_property
    def _zip(self) -> tuple[zipfile.ZipInfo, ...]:
        return zip_members(self.path)

    @cached_property
    def zip_members(self) -> tuple[str, ...]:
        """The names in a zip archive, npz and torch files included; none if it is damaged."""
        return tuple(item.filename for item in self._zip)

    @cached_property
    def _torch_prefix(self) -> str | None:
        return torch_prefix(self.zip_members)

    @cached_property
    def npz(self) -> Npz:
        """The arrays of an npz by name, none for other files; each is read when it is asked for.

        Arrays of objects come through the allow-list unpickler. Sniff by the names (``"obs" in source.npz``).
        """
        return Npz(self.path, () if self._torch_prefix is not None else self._zip, loads_pickle)

    # HDF5.

    @cached_property
    def is_hdf5(self) -> bool:
        """Whether it starts as an HDF5 file does."""
        return self.head.startswith(HDF5_MAGIC)

    @contextmanager
    def open_hdf5(self, *, check_each: bool = True) -> Iterator[Any]:
        """Open the file with h5py for the duration of a ``with`` block.

        What h5py raises on damaged content inside of the block becomes an error that names the file. Files that would
        make HDF5 open other files, or that claim far more than they hold, are refused before the block begins.

        Args:
            check_each: Whether to check each array. False for a block that reads nothing but ``numbers`` with
                ``Claims``: opening thousands of arrays twice would take as long as reading them.

        Raises:
            MissingExtraError: h5py is not installed.
            UnsafeFileError: It refers to other files.
            DemonstrationError: It is damaged, or its arrays claim more than ``memory_limit``.
        """
        h5py = import_extra("h5py", "minari")
        with naming_damage(self.name, "HDF5"), h5py.File(self.path, "r") as file:
            bound_cache(file)
            if not self._hdf5_links_checked:
                check_links(self.name, file)
                self._hdf5_links_checked = True
            if check_each and self._hdf5_claims is None:
                self._hdf5_claims = check_arrays(self.name, file, self.memory_limit)
            yield file

    @property
    def hdf5_claims(self) -> int:
        """Bytes that the arrays of an HDF5 file take; the errors are those of ``open_hdf5``."""
        if self._hdf5_claims is None:
            with self.open_hdf5():
                pass
        return self._hdf5_claims or 0

    @cached_property
    def hdf5_keys(self) -> tuple[str, ...]:
        """The names at the top of an HDF5 file, none for other files.

        Raises:
            MissingExtraError: It is an HDF5 file, and h5py is not installed.
            DemonstrationError: It is an HDF5 file, and damaged.
        """
        if not self.is_hdf5:
            return ()
        with self.open_hdf5() as file:
            return tuple(key if isinstance(key, str) else repr(key) for key in file)  # bytes that are no UTF-8

    # Text.

    @cached_property
    def is_text(self) -> bool:
        """Whether the first bytes are UTF-8 text, and of no other container."""
        if not self.head or b"\x00" in self.head or self.looks_like_pickle:
            return False
        try:
            codecs.getincrementaldecoder("utf-8")().decode(self.head)  # the head may end within a character
        except UnicodeDecodeError:
            return False
        return True

    @cached_property
    def table(self) -> Table | None:
        """The layout of a text file with rows of numbers, None for other files."""
        return read_layout(self.path) if self.is_text else None
