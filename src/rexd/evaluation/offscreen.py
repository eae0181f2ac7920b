"""Rendering of MuJoCo without a display: which of its off-screen libraries works on this machine.

Gymnasium tries the window library first, and where that fails, MuJoCo ends the whole process at the next attempt. What
works is therefore found out in a process of its own, before anything is rendered.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec

VARIABLE = "MUJOCO_GL"  # MuJoCo and Gymnasium read it when they make a renderer
LIBRARIES = {"egl": "EGL", "osmesa": "OSMesa"}
"""The values of MUJOCO_GL that need no display, in the order in which they are tried, with the libraries' names."""
INSTALL = (
    "there is no display, and neither EGL nor OSMesa works. Install one of them (Debian and Ubuntu: apt install "
    "libosmesa6, or libegl1 with Mesa or a graphics driver), and run the command again"
)
_SECONDS = 60
_PROBE = (
    "from mujoco.{value} import GLContext; import mujoco, os; kept = GLContext(64, 64); kept.make_current(); "
    "mujoco.MjrContext(mujoco.MjModel.from_xml_string('<mujoco/>'), mujoco.mjtFontScale.mjFONTSCALE_100); os._exit(0)"
)


def choose_library() -> str | None:
    """Let MuJoCo render by the first library that works, where there is no display and the user chose none.

    It does nothing where MUJOCO_GL is set or there is a display, on other systems than Linux, and without MuJoCo. The
    choice holds for the whole process, and must come before the first renderer.

    Returns:
        The name of the library; None if there was nothing to choose, or none works.
    """
    if not is_headless() or find_spec("mujoco") is None:
        return None
    value = _first_that_works()
    if value is None:
        return None
    os.environ[VARIABLE] = value
    return LIBRARIES[value]


def is_headless() -> bool:
    """Whether this is a Linux without a display, on which the user chose no library."""
    displays = (VARIABLE, "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform == "linux" and not any(os.environ.get(name) for name in displays)


@cache
def _first_that_works() -> str | None:
    return next((value for value in LIBRARIES if _works(value)), None)


def _works(value: str) -> bool:
    """Render nothing by a library in another process, which a missing driver may end."""
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _PROBE.format(value=value)],
            env={**os.environ, VARIABLE: value},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0
