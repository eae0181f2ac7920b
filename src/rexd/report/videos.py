"""Videos that lie in run folders: small ones become a part of the page, and larger ones are linked to."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

MOST_BYTES = 8 * 2**20
KINDS = {".mp4": "video/mp4", ".gif": "image/gif"}


@dataclass(frozen=True)
class Video:
    """A video for a page.

    Attributes:
        name: The name of its file.
        moving_image: Whether it is shown as an image, as a gif is.
        data: The address that holds it whole; empty where it is linked to.
        link: The address relative to the page; empty where it is a part of the page.
    """

    name: str
    moving_image: bool
    data: str = ""
    link: str = ""


def videos_in(folder: Path, page: Path) -> list[Video]:
    """Return the videos that lie in a folder.

    Args:
        folder: The folder of a run.
        page: The file of the page, which links are relative to.
    """
    found = []
    for path in sorted(folder.iterdir()):
        kind = KINDS.get(path.suffix.lower())
        if kind is None or not path.is_file():
            continue
        moving = kind.startswith("image/")
        if path.stat().st_size <= MOST_BYTES:
            found.append(
                Video(path.name, moving, data=f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}")
            )
        else:
            link = Path(os.path.relpath(path.resolve(), page.resolve().parent)).as_posix()
            found.append(Video(path.name, moving, link=quote(link)))
    return found
