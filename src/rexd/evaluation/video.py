"""Videos of episodes, as mp4 or gif files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled

from rexd.envs.make import Env
from rexd.envs.spaces import clip_actions
from rexd.errors import RexdError, TaskError, import_extra
from rexd.evaluation.offscreen import INSTALL, choose_library, is_headless
from rexd.evaluation.rollouts import PolicyLike, episode_seed
from rexd.files import atomic_path

SUFFIXES = (".mp4", ".gif")
FRAMES_PER_SECOND = 30
MAX_STEPS = 10_000
HINT = (
    "Rendering needs a display or an off-screen library: set MUJOCO_GL=egl (with a graphics driver) or "
    "MUJOCO_GL=osmesa (software; Debian and Ubuntu: apt install libosmesa6), and run the command again"
)


def check_video(path: str | Path) -> None:
    """Check before an episode is played that a video can be written.

    Raises:
        RexdError: The name ends in something else than .mp4 or .gif.
        MissingExtraError: imageio is not installed.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise RexdError(f"{path}: its name does not tell the kind of video; expected a name that ends in .mp4 or .gif")
    import_extra("imageio", "video")
    if Path(path).suffix.lower() == ".mp4":
        import_extra("imageio_ffmpeg", "video")


def record_video(
    make_env: Callable[[], Env], policy: PolicyLike, path: str | Path, *, seed: int, max_steps: int = MAX_STEPS
) -> int:
    """Play one episode and film it.

    Args:
        make_env: Makes an environment with ``render_mode="rgb_array"``.
        policy: The policy to play, deterministically.
        path: The file to write, which ends in .mp4 or .gif; it is replaced if it exists.
        seed: The seed of the episode, which is episode 0 of a rollout with this seed.
        max_steps: The number of steps after which an episode that does not end is stopped.

    Returns:
        The number of frames.

    Raises:
        RexdError: The environment does not render here, or the frames cannot be written.
    """
    check_video(path)
    choose_library()
    frames, per_second = _play(make_env, policy, seed, max_steps)
    if not frames:
        raise TaskError("the environment gave no frames; expected render_mode='rgb_array' to be supported")
    imageio = import_extra("imageio.v2", "video")
    options: dict[str, Any] = {"fps": per_second}
    if Path(path).suffix.lower() == ".gif":
        options = {"duration": 1000 / per_second, "loop": 0}
    else:
        options["macro_block_size"] = 2  # the codec needs even sizes; the default of 16 would rescale most frames
    try:
        with atomic_path(path) as temporary:
            imageio.mimsave(temporary, frames, **options)
    except Exception as error:  # the encoders raise many kinds of errors
        raise RexdError(
            f"{path}: the video could not be written ({type(error).__name__}: {error}); try the other of .mp4 and .gif"
        ) from error
    return len(frames)


def _play(
    make_env: Callable[[], Env], policy: PolicyLike, seed: int, max_steps: int
) -> tuple[list[np.ndarray[Any, Any]], float]:
    env = make_env()
    try:
        if is_headless() and hasattr(env.unwrapped, "mujoco_renderer"):
            raise TaskError(f"the environment cannot be rendered here: {INSTALL}")  # MuJoCo would end the process
        per_second = float(env.metadata.get("render_fps") or FRAMES_PER_SECOND)
        # At 125 frames a second a gif or a film plays slowly or not at all, so some frames are left out.
        every = max(1, round(per_second / FRAMES_PER_SECOND))
        frames: list[np.ndarray[Any, Any]] = []
        observation, _ = env.reset(seed=episode_seed(seed, 0))
        for step in range(max_steps):
            if step % every == 0:
                _render(env, frames)
            # Two rows, the least of a rollout, so that compiled policies and BLAS compute the same as there.
            actions, _ = policy.predict(np.stack([observation, observation]), deterministic=True)
            observation, _, terminated, truncated, _ = env.step(clip_actions(env.action_space, actions)[0])
            if terminated or truncated:
                _render(env, frames)
                break
        return frames, per_second / every
    finally:
        _close(env)


def _render(env: Env, frames: list[np.ndarray[Any, Any]]) -> None:
    try:
        frame: Any = env.render()
    except Exception as error:  # drivers and simulators raise anything
        # A missing package is named in the error itself; anything else is most often a missing driver.
        hint = "" if isinstance(error, DependencyNotInstalled) else f". {HINT}"
        raise TaskError(f"the environment cannot be rendered here ({type(error).__name__}: {error}){hint}") from error
    if frame is None:
        raise TaskError("the environment renders nothing; expected render_mode='rgb_array' to be supported")
    frames.append(np.asarray(frame))


def _close(env: Env) -> None:
    try:
        env.close()
    except Exception:  # a renderer that failed to start may fail again here, and the first error says more
        return
