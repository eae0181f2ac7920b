"""Warnings of MuJoCo about Gymnasium's own model files, which no user can mend and which are not printed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium

OF_GYMNASIUM = "gymnasium.envs.mujoco"
KNOWN = "'settotalmass' is deprecated"  # in the models of Hopper, HalfCheetah and others, for each new environment


@contextmanager
def without_known_warnings(env_id: str) -> Iterator[None]:
    """Return a context in which an environment is made without the warning ``KNOWN``; others are still printed.

    MuJoCo itself writes warnings to the screen and to ``MUJOCO_LOG.TXT``, where Python's filters do not reach them.
    """
    spec = gymnasium.registry.get(env_id)
    if spec is None or OF_GYMNASIUM not in str(spec.entry_point):
        yield
        return
    try:
        import mujoco

        before = mujoco.get_mju_user_warning()
    except (ImportError, AttributeError):  # not installed, which gymnasium.make reports; or too old for this function
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
