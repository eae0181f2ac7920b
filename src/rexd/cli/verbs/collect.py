"""``rexd collect``: record demonstrations with a policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from rexd.cli import options as opt
from rexd.cli.playing import environment_of
from rexd.cli.policies import open_policy
from rexd.cli.show.output import print_facts, print_json
from rexd.cli.show.progress import ProgressBar
from rexd.cli.show.text import number
from rexd.cli.verbs.evaluate import check_counts
from rexd.errors import import_extra
from rexd.files import check_writable

if TYPE_CHECKING:
    from rexd.demos.trajectory import Trajectory


@dataclass(frozen=True)
class Command:
    """Record episodes of a policy as demonstrations.

    The file also holds the environment's rewards, for comparison.

    Examples:
        rexd collect --env Hopper-v5 --policy runs/expert --episodes 4 -o demos.npz
        rexd collect --policy runs/expert --stochastic --seed 1 --float32
        rexd collect --env Hopper-v5 --policy expert.zip --trust
    """

    policy: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """A run folder, a policy.safetensors, or a zip of Stable-Baselines3 or sbx (with --trust)."""
    env: opt.EnvId = None
    """Gymnasium id, module:Id, or module:ClassName. None: the environment of the run."""
    env_kwargs: opt.Pairs = ()
    """Arguments of the environment, as k=v pairs or as one JSON object. They replace the arguments of the run."""
    max_episode_steps: opt.StepLimit = None
    """Cut an episode off after N steps. None: at the environment's own time limit, or as the run did."""
    episodes: int = 4
    """Number of episodes."""
    seed: int = 0
    """Seed of the episodes and of the policy's noise."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = Path("demos.npz")
    """File to write the demonstrations to. An existing file is replaced."""
    stochastic: bool = False
    """Sample the actions of the policy instead of taking its mode."""
    float32: bool = False
    """Save observations in single precision. This halves the file, and learning uses single precision in any case."""
    trust: bool = False
    """Load a zip although loading it executes code that it holds, and import the module that a run folder names for
    its environment."""
    json: bool = False
    """Print the results as one JSON document."""

    def run(self) -> None:
        """Play the episodes, save them, and print their returns."""
        import_extra("gymnasium", "train")

        from rexd.demos.demonstrations import Demonstrations
        from rexd.demos.spaces import action_count
        from rexd.envs.make import environment_name
        from rexd.evaluation.rollouts import rollout
        from rexd.reading.formats.rexd_npz import save_demonstrations

        check_writable(self.output)
        opened = open_policy(self.policy, trust=self.trust, seed=self.seed)
        env, env_kwargs = environment_of(opened, self.env, self.env_kwargs, self.policy, trust=self.trust)
        check_counts(self.episodes, self.seed)
        recorded = opened.max_episode_steps if env in (opened.env, opened.env_reference) else None
        make_env = opt.player(env, env_kwargs, self.max_episode_steps, recorded=recorded)
        probe = make_env()
        space, env_id = probe.action_space, env if probe.spec is None else environment_name(probe)
        probe.close()
        with ProgressBar() as progress:
            played = rollout(
                make_env,
                opened.policy,
                self.episodes,
                seed=self.seed,
                deterministic=not self.stochastic,
                on_episode=progress.episodes(self.episodes),
            )
        kind = "sampled" if self.stochastic else "deterministic"
        arguments = f" with {env_kwargs}" if env_kwargs else ""
        demos = Demonstrations(
            tuple(map(_single_precision, played) if self.float32 else played),
            source=str(self.policy.name),
            n_actions=action_count(space, env),
            notes=(f"recorded by rexd collect in {env}{arguments}, {kind} actions, seed {self.seed}",),
            env_id=env_id,
        )
        saved, returns = save_demonstrations(demos, self.output), demos.returns or ()
        lengths = [len(t) for t in played]
        if self.json:
            content = {"output": str(saved), "env": env, "env_kwargs": env_kwargs, "seed": self.seed}
            print_json({**content, "returns": list(returns), "lengths": lengths})
            return
        print_facts(
            {
                "environment": env,
                "trajectories": f"{len(played)}, {sum(lengths):,} transitions",
                "returns": ", ".join(number(r) for r in returns[:20]) + (" ..." if len(returns) > 20 else ""),
                "file": saved,
            }
        )


def _single_precision(t: Trajectory) -> Trajectory:
    return replace(
        t, observations=t.observations.astype(np.float32), next_observations=t.next_observations.astype(np.float32)
    )
