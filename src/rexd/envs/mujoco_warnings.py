"""What MuJoCo prints about Gymnasium's own model files, which no user can mend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium

OF_GYMNASIUM = "gymnasium.envs.mujoco"
KNOWN = "'settotalmass' is deprecated"  # in the models of Hopper, HalfCheetah and others; said anew by each environment


@contextmanager
def without_known_warnings(env_id: str) -> Iterator[None]:
    """Make an environment in here; ``KNOWN`` is not printed, every other warning is.

    MuJoCo writes to the screen and to ``MUJOCO_LOG.TXT`` by itself, past Python's filters.
    """
    spec = gymnasium.registry.get(env_id)
    if spec is None or OF_GYMNASIUM not in str(spec.entry_point):
        yield
        return
    try:
        import mujoco

        before = mujoco.get_mju_user_warning()
    except (ImportError, AttributeError):  # not installed, of which gymnasium.make speaks; or too old to be asked
        yield
        return

    def tell(message: str) -> None:
        if KNOWN in message:
            return
        if before is not None:
            before(message)
        else:
            print(f"WARNING: {message}", file=sys.stderr)

    mujoco.set_mju_user_warning(tell)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(before)
