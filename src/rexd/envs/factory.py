"""How rexd makes the environments that it plays: with a time limit, and under guard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rexd.envs.guarded import Guarded
from rexd.envs.make import Env, EnvSource, make_environment
from rexd.envs.time_limit import with_limit


@dataclass(frozen=True)
class EnvironmentFactory:
    """Makes an environment for training, evaluation or collecting each time it is called.

    Attributes:
        env: A Gymnasium id, ``module:Id``, or a callable that makes an environment.
        env_kwargs: Its arguments.
        max_episode_steps: The number of steps after which an episode is cut off, as ``limit_of`` decides; None leaves
            it to the environment's own limit.
    """

    env: EnvSource
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    max_episode_steps: int | None = None

    def __call__(self, *, render_mode: str | None = None) -> Env:
        """Make one environment as it is, which is what evaluation plays.

        Raises:
            RexdError: The environment cannot be made, or has spaces that are not supported.
        """
        made = make_environment(self.env, self.env_kwargs, render_mode=render_mode)
        return Guarded(with_limit(made, self.max_episode_steps), self.env_kwargs)
