"""A source of demonstrations (a file, a folder or a dataset id) and its content, in any container that rexd reads."""

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
from rexd.reading.containers.json import read_json_values, starts_like_json
from rexd.reading.containers.npz import MAGIC, Npz, memory_limit, read_npy, zip_members
from rexd.reading.containers.pickles.torch_file import is_legacy_torch, load_legacy_torch, load_torch_zip, torch_prefix
from rexd.reading.containers.pickles.unpickler import load_pickle, loads_pickle, starts_like_pickle

_HEAD = 4096


class Nothing:
    """The type of ``NOTHING``, which ``Source.content`` is if a file holds no saved object; a pickle may hold None."""

    def __repr__(self) -> str:
        """Return the word for messages."""
        return "nothing"


NOTHING: Final = Nothing()


class Source:
    """A place to read demonstrations from, and its content, which is read when it is first asked for and then kept.

    Each container has properties of its own. They are empty (``False``, ``NOTHING``, no names) for a source in another
    container, which they tell by its first bytes alone. If the first bytes promise a container that turns out damaged,
    hostile or too large, the property raises the ``RexdError`` that says so.
    """

    def __init__(self, location: str | Path) -> None:
        """Take a path, or a string that is a path or the id of a local dataset; nothing is opened yet."""
        self.path = Path(location)
        self.text_id = location if isinstance(location, str) else None
        """The location as it was written, if it is a string: a dataset id is not a path."""
        self._hdf5_links_checked = False
        self._hdf5_claims: int | None = None

    def __repr__(self) -> str:
        """Return the name with the class, for debugging."""
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
        """The file's size in bytes, once ``check_file`` has accepted the file.

        Raises:
            DemonstrationError: The file is missing, empty, too large, or plainly not data.
        """
        return check_file(self.path)

    @cached_property
    def memory_limit(self) -> int:
        """The bytes that the arrays of this file may take; a file that claims more is damaged or hostile."""
        return memory_limit(self.size, expansion=16)

    @cached_property
    def head(self) -> bytes:
        """The first 4096 bytes of a file; empty for a folder."""
        return read_head(self.path, _HEAD) if self.is_file else b""

    # Saved objects: pickle, torch, npy and JSON files.

    @cached_property
    def looks_like_pickle(self) -> bool:
        """Whether the file starts as a pickle of any protocol does."""
        return starts_like_pickle(self.head)

    @cached_property
    def is_json(self) -> bool:
        """Whether the file starts as JSON or JSON lines do."""
        return not self.looks_like_pickle and starts_like_json(self.head)

    @cached_property
    def content(self) -> Any:
        """The object in a pickle, torch, npy or JSON file, or ``NOTHING`` for other files.

        The allow-list unpickler reads it: deques become lists, tensors become arrays, and other mappings become dicts.
        An array without dimensions that holds an object, as ``numpy.save`` makes of a dict, becomes that object.

        Raises:
            UnsafeFileError: The file would execute code.
            DemonstrationError: The file is damaged, or claims more than it holds.
        """
        if self.looks_like_pickle:
            return load_legacy_torch(self.path) if is_legacy_torch(self.head) else load_pickle(self.path)
        if self._torch_prefix is not None:
            return load_torch_zip(self.path, self._zip, self._torch_prefix)
        if self.head.startswith(MAGIC):
            return self._npy()
        return read_json_values(self.path) if self.is_json else NOTHING

    @property
    def container(self) -> str | None:
        """The kind of file that holds ``content``, as the beginning of a phrase for messages; None for other files."""
        if is_legacy_torch(self.head) or self._torch_prefix is not None:
            return "a torch file of"
        if self.looks_like_pickle:
            return "a pickled"
        if self.head.startswith(MAGIC):
            return "an npy file of"
        return "a JSON file of" if self.is_json else None

    def _npy(self) -> Any:
        _ = self.size  # a file that is too large is refused before it is read
        with naming_damage(self.name, "the npy file"):
            array = read_npy(io.BytesIO(self.path.read_bytes()), self.name, unpickle=loads_pickle)
        return array.item() if array.ndim == 0 and array.dtype.hasobject else array

    # Zip archives: npz, and the torch files of version 1.6 and later.

    @cached_property
    def _zip(self) -> tuple[zipfile.ZipInfo, ...]:
        return zip_members(self.path)

    @cached_property
    def zip_members(self) -> tuple[str, ...]:
        """The names of the members of a zip archive, npz and torch files included; none if it is damaged."""
        return tuple(item.filename for item in self._zip)

    @cached_property
    def _torch_prefix(self) -> str | None:
        return torch_prefix(self.zip_members)

    @cached_property
    def npz(self) -> Npz:
        """The arrays of an npz by name, none for other files; each is read when it is asked for.

        The allow-list unpickler reads arrays of objects. A format's ``sniff`` should ask for names only, as in
        ``"obs" in source.npz``, which reads no array.
        """
        return Npz(self.path, () if self._torch_prefix is not None else self._zip, loads_pickle)

    # HDF5.

    @cached_property
    def is_hdf5(self) -> bool:
        """Whether the file starts as an HDF5 file does."""
        return self.head.startswith(HDF5_MAGIC)

    @contextmanager
    def open_hdf5(self, *, check_each: bool = True) -> Iterator[Any]:
        """Open the file with h5py for the duration of a ``with`` block.

        What h5py raises on damaged content inside the block becomes an error that names the file. Files that would make
        HDF5 open other files, or that claim far more than they hold, are refused before the block begins.

        Args:
            check_each: Whether to check each array. Pass False only for a block that reads arrays by ``numbers`` with
                ``Claims`` alone, which checks them itself: opening thousands of arrays twice takes as long as reading
                them.

        Raises:
            MissingExtraError: h5py is not installed.
            UnsafeFileError: The file refers to other files.
            DemonstrationError: The file is damaged, or its arrays claim more than ``memory_limit``.
        """
        h5py = import_extra("h5py", "minari", to_read=self.name)
        with naming_damage(self.name, "the HDF5 file"), h5py.File(self.path, "r") as file:
            bound_cache(file)
            if not self._hdf5_links_checked:
                check_links(self.name, file)
                self._hdf5_links_checked = True
            if check_each and self._hdf5_claims is None:
                self._hdf5_claims = check_arrays(self.name, file, self.memory_limit)
            yield file

    @property
    def hdf5_claims(self) -> int:
        """The bytes that the arrays of an HDF5 file take; the errors are those of ``open_hdf5``."""
        if self._hdf5_claims is None:
            with self.open_hdf5():
                pass
        return self._hdf5_claims or 0

    @cached_property
    def hdf5_keys(self) -> tuple[str, ...]:
        """The names at the top of an HDF5 file, none for other files.

        Raises:
            MissingExtraError: The file is an HDF5 file, and h5py is not installed.
            DemonstrationError: The file is an HDF5 file, and damaged.
        """
        if not self.is_hdf5:
            return ()
        with self.open_hdf5() as file:
            # h5py gives bytes if a name is not UTF-8
            return tuple(key if isinstance(key, str) else repr(key) for key in file)

    # Text.

    @cached_property
    def is_text(self) -> bool:
        """Whether the first bytes are UTF-8 text and not those of another container."""
        if not self.head or b"\x00" in self.head or self.looks_like_pickle:
            return False
        try:
            codecs.getincrementaldecoder("utf-8")().decode(self.head)  # the head may end within a character
        except UnicodeDecodeError:
            return False
        return True

    @cached_property
    def table(self) -> Table | None:
        """The layout of the table in a text file with rows of numbers; None for other files."""
        return read_layout(self.path) if self.is_text and not self.is_json else None
