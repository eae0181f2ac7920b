"""``rexd evaluate``: play a policy and summarise its returns."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from rexd.cli import options as opt
from rexd.cli.playing import OWN_SEED, environment_of
from rexd.cli.policies import open_policy
from rexd.cli.show.output import note, print_facts, print_json, print_returns
from rexd.cli.show.progress import ProgressBar
from rexd.errors import RexdError, import_extra

if TYPE_CHECKING:
    from rexd.demos.trajectory import Trajectory

DRAWN = 8  # episodes that --plot draws


@dataclass(frozen=True)
class Command:
    """Play a policy, and summarise its returns by the environment's reward and by the learned one.

    The episodes are others than those that the training run has played. The final evaluation of a run is repeated by
    --seed N and --episodes M, with the run's own seed and number of final episodes.

    Examples:
        rexd evaluate runs/hopper --episodes 20
        rexd evaluate runs/hopper --video hopper.mp4 --episodes 5 --seed 1
        rexd evaluate runs/hopper --plot along.svg --episodes 5
        rexd evaluate policy.safetensors --env Hopper-v5 --json
        rexd evaluate policy.zip --env Hopper-v5 --trust
        rexd evaluate runs/mine --env my_module:MyEnv
    """

    policy: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """A run folder, a policy.safetensors, or a zip of Stable-Baselines3 or sbx (with --trust)."""
    episodes: int = 20
    """Number of episodes."""
    seed: int | None = None
    """Seed of the episodes. None: episodes that no run has played; a run's final evaluation has the run's own seed."""
    env: opt.EnvId = None
    """Gymnasium id, module:Id, or module:ClassName. None: the environment of the run."""
    env_kwargs: opt.Pairs = ()
    """Arguments of the environment, as k=v pairs or as one JSON object. They replace the arguments of the run."""
    max_episode_steps: opt.StepLimit = None
    """Cut an episode off after N steps. None: at the environment's own time limit, or as the run did."""
    video: Annotated[Path | None, tyro.conf.arg(metavar="FILE.mp4|gif")] = None
    """Film one further episode into this file."""
    plot: opt.Plot = None
    """Draw the reward along the first eight episodes into this file (svg, png, pdf); the environment's if there is no
    learned one."""
    trust: bool = False
    """Load a zip although loading it executes code that it holds, and import the module that a run folder names for
    its environment."""
    json: bool = False
    """Print the results as one JSON document."""

    def run(self) -> None:
        """Play the episodes, film one if asked to, and print the returns."""
        import_extra("gymnasium", "train")
        from rexd.evaluation.evaluate import evaluate
        from rexd.evaluation.offscreen import choose_library
        from rexd.evaluation.video import check_video, record_video

        seed = OWN_SEED if self.seed is None else self.seed
        check_counts(self.episodes, seed)
        if self.plot is not None:
            opt.check_plot(self.plot)
        if self.video is not None:
            check_video(self.video)  # before the episodes are played, which takes minutes
        library = None if self.video is None else choose_library()  # before anything imports MuJoCo
        opened = open_policy(self.policy, trust=self.trust, seed=seed)
        env, env_kwargs = environment_of(opened, self.env, self.env_kwargs, self.policy, trust=self.trust)
        recorded = opened.max_episode_steps if env in (opened.env, opened.env_reference) else None
        make_env = opt.player(env, env_kwargs, self.max_episode_steps, recorded=recorded)
        drawn: dict[int, Trajectory] = {}
        with ProgressBar() as progress:
            count = progress.episodes(self.episodes)

            def ended(number: int, episode: Trajectory) -> None:
                count(number, episode)
                if self.plot is not None and number < DRAWN:
                    drawn[number] = episode

            result = evaluate(
                make_env,
                opened.policy,
                opened.reward,
                episodes=self.episodes,
                seed=seed,
                on_episode=ended,
            )
        if self.plot is not None:
            from rexd.report.along import draw_along, played_along

            what = "reward" if opened.reward is not None else "environment's reward"
            along = played_along([drawn[number] for number in sorted(drawn)], opened.reward)
            draw_along(f"The {what} along episodes", along, what=what).save(self.plot)
        failed = None
        if self.video is not None:
            try:
                record_video(
                    lambda: make_env(render_mode="rgb_array"),
                    opened.policy,
                    self.video,
                    seed=seed,
                )
            except RexdError as error:  # raised after the returns are printed, as they are valid all the same
                failed = error
        if library is not None and "mujoco" in sys.modules and failed is None:
            note(f"there is no display: MuJoCo rendered by {library}")
        self._print(result, env, env_kwargs, seed, filmed=self.video is not None and failed is None)
        if failed is not None:
            raise failed

    def _print(self, result: Any, env: str, env_kwargs: dict[str, Any], seed: int, *, filmed: bool) -> None:
        if self.json:
            video = str(self.video) if filmed else None
            about = {"policy": str(self.policy), "env": env, "env_kwargs": env_kwargs, "seed": seed}
            plot = None if self.plot is None else str(self.plot)
            print_json({**about, **result.to_dict(), "video": video, "plot": plot})
            return
        summaries = {"true": result.true, "learned": result.learned}
        print_returns({name: asdict(each) for name, each in summaries.items() if each is not None})
        success = {} if result.success is None else {"success": f"{result.success:.0%} of the episodes"}
        played = {"mean length": f"{result.length:,.1f} steps", "seed of the episodes": seed}
        print_facts({"environment": env, **played, **success})
        if filmed:
            note(f"wrote {self.video}")
        if self.plot is not None:
            note(f"wrote {self.plot}")


def check_counts(episodes: int, seed: int) -> None:
    """Check the number of episodes and the seed.

    Raises:
        RexdError: There are no episodes to play, or the seed is negative.
    """
    if episodes < 1:
        raise RexdError(f"--episodes is {episodes}; expected 1 or more")
    if seed < 0:
        raise RexdError(f"--seed is {seed}; expected 0 or more")
