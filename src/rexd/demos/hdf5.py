"""What HDF5 would do beyond the file itself, refused before anything is read."""

from __future__ import annotations

from typing import Any

from rexd.errors import DemonstrationError, UnsafeFileError, import_extra


def check_hdf5(source: str, file: Any, limit: int) -> None:
    """Refuse a file that refers to others, or whose arrays claim more than it can hold.

    HDF5 opens the target of an external link, of external storage and of a virtual dataset when they are read, and
    fills what was never written, so that a small file may claim any size.

    Args:
        source: The file's name, for messages.
        file: The open ``h5py.File``.
        limit: Bytes that all its arrays may take.

    Raises:
        UnsafeFileError: It refers to another file.
        DemonstrationError: It claims more than ``limit``.
    """
    h5py = import_extra("h5py", "minari")
    claimed = 0

    def check(name: str, item: Any) -> None:
        nonlocal claimed
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                raise _elsewhere(source, name, "keeps its values in other files")
            claimed += item.nbytes
        elif isinstance(item, h5py.Group):
            for key in item:
                link = item.get(key, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise _elsewhere(source, f"{name}/{key}".lstrip("/"), f"is a link to the file {link.filename!r}")

    check("", file["/"])
    file.visititems(check)  # each object once, and no link that leads out of the file
    if claimed > limit:
        raise DemonstrationError(f"{source}: its arrays claim {claimed} bytes; expected at most {limit} from this file")


def _elsewhere(source: str, name: str, found: str) -> UnsafeFileError:
    return UnsafeFileError(
        f"{source}: {name!r} {found[:200]}, which was not opened; expected a file that holds its own arrays. Copy them "
        "into one file"
    )
