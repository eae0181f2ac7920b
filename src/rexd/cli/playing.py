"""The environment that a policy of a run folder plays in, and the episodes that a page draws."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rexd.cli import options as opt
from rexd.cli.policies import Opened, open_policy
from rexd.cli.show.progress import ProgressBar
from rexd.errors import RexdError, UnsafeFileError, import_extra

if TYPE_CHECKING:
    from rexd.demos.trajectory import Trajectory

OWN_SEED = 3_000_003  # other episodes than any that a run plays (rexd.rl.selection.judge), its final evaluation too
DRAWN = 3  # episodes on a page


def play_for_page(
    path: Path, named: str | None = None, pairs: tuple[str, ...] = (), *, trust: bool
) -> list[Trajectory]:
    """Play the policy of a run for the page that is written of it.

    Args:
        path: The run folder.
        named: The environment that the user names; None for the one of the run.
        pairs: The arguments of the environment that the user names.
        trust: Whether a module that the run folder names may be imported.

    Raises:
        RexdError: The environment cannot be made, or the policy cannot be read.
    """
    import_extra("gymnasium", "train")
    from rexd.evaluation.rollouts import rollout

    opened = open_policy(path, trust=trust, seed=OWN_SEED)
    env, arguments = environment_of(opened, named, pairs, path, trust=trust)
    make_env = opt.player(env, arguments, None, recorded=opened.max_episode_steps)
    with ProgressBar() as progress:
        return rollout(make_env, opened.policy, DRAWN, seed=OWN_SEED, on_episode=progress.episodes(DRAWN))


def environment_of(
    opened: Opened, named: str | None, pairs: tuple[str, ...], path: Path, *, trust: bool
) -> tuple[str, dict[str, Any]]:
    """Return the environment that the user names, else the one of the run, and its arguments.

    Raises:
        UnsafeFileError: The run folder names a module to import, and is not trusted.
        RexdError: Neither the user nor a run folder names one that can be made.
    """
    arguments = opt.environment_arguments(pairs)
    if named is not None:
        same = named in (opened.env, opened.env_reference) and not arguments
        return named, opened.env_kwargs if same else arguments
    if opened.env is None:
        raise RexdError(
            f"{path}: does not lie in a run folder, which would name the environment; give it, such as --env Hopper-v5"
        )
    return _recorded(opened.env, opened.env_reference, path, trust=trust), arguments or opened.env_kwargs


def _recorded(env: str, reference: str | None, path: Path, *, trust: bool) -> str:
    """Return the environment that a run folder names, where no code is imported or the folder is trusted."""
    importing = reference or (env if ":" in env else None)
    if importing is None:
        return env
    module, _, name = importing.partition(":")
    if module == "__main__" or any(sign in name for sign in "<>()"):
        raise RexdError(
            f"{path}: the run was trained on {importing}, which no import can make again. Give a class or function "
            "that makes the same environment, such as --env module:ClassName"
        )
    if not trust:
        raise UnsafeFileError(
            f"{path}: the run was trained on {importing}, and importing {module} executes its code; nothing was "
            f"imported. If you trust that module, give --env {shlex.quote(importing)}, or --trust for all that the "
            "folder names"
        )
    return importing
