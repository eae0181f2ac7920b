"""``rexd demo``: fit, train and compare with the demonstrations that rexd ships."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from rexd.cli import options as opt
from rexd.cli.show.output import note
from rexd.cli.show.run import report
from rexd.cli.verbs.train import train_watched
from rexd.errors import RunError, import_extra
from rexd.reading import BUNDLED
from rexd.rl.config import TrainConfig

if TYPE_CHECKING:
    from rexd.demos.demonstrations import Demonstrations
    from rexd.rl.training.run_folder import Run

TRAJECTORIES, SUBSAMPLE = 4, 20
CLONED_FILE = "cloned_policy.safetensors"


@dataclass(frozen=True)
class Command:
    """Train a policy from 200 demonstrated transitions of HalfCheetah-v5, in a few minutes on two cores.

    The demo fits a reward to the demonstrations, trains a policy on it, and compares the policy with the demonstrations
    and with behavioural cloning of the same transitions.

    Examples:
        rexd demo
        rexd demo --steps 20000 --seed 1 --out runs/cheetah
    """

    steps: int = 12_000
    """Environment steps of the training."""
    seed: int = 0
    """Seed of the whole demo."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder of the run. None: runs/demo, or runs/demo-2 and so on if it exists."""
    json: bool = False
    """Print the results as one JSON document."""

    def run(self) -> None:
        """Train a policy and a clone of the same transitions, and print both with the demonstrations."""
        import_extra("gymnasium", "train")
        from rexd.reading.bundled import DEFAULT_TASK, bundled_demonstrations

        whole = bundled_demonstrations()
        whole = whole.first(min(TRAJECTORIES, len(whole)))
        rows, env = whole.subsample(SUBSAMPLE, seed=self.seed), DEFAULT_TASK
        config = TrainConfig(steps=self.steps, seed=self.seed)
        out = self.out or fresh_folder(Path("runs") / "demo")
        note(f"{rows.n_transitions} transitions of {env}: every {SUBSAMPLE}th of {len(rows)} trajectories")
        options = ["--trajectories", str(len(rows)), "--subsample", str(SUBSAMPLE), "--seed", str(self.seed)]
        resume = [
            "train",
            BUNDLED,
            "--env",
            env,
            *options,
            "--steps",
            str(self.steps),
            "--out",
            str(out),
            "--resume",
        ]
        run = train_watched(rows, env=env, env_kwargs={}, out=out, config=config, resume_command=resume)
        cloned = self._clone(rows, run, config)
        report(run, whole.returns, as_json=self.json, others={"behavioural cloning": cloned})

    def _clone(self, rows: Demonstrations, run: Run, config: TrainConfig) -> dict[str, Any]:
        """Clone the same transitions, and play the same episodes as the final evaluation of the run."""
        from rexd.demos.spaces import fit_to_spaces
        from rexd.evaluation.evaluate import evaluate
        from rexd.rl.policies.cloning import clone
        from rexd.rl.training.run_folder import REWARD_FILE

        note("behavioural cloning of the same transitions, for comparison")
        env = run.env
        probe = opt.open_environment(env, {})
        fitted = fit_to_spaces(rows, probe.observation_space, probe.action_space)
        policy = clone(fitted, action_space=(probe.action_space.low, probe.action_space.high), seed=self.seed)
        probe.close()
        policy.save(run.path / CLONED_FILE)
        reward = run.reward() if (run.path / REWARD_FILE).is_file() else None
        result = evaluate(
            lambda: opt.open_environment(env, {}), policy, reward, episodes=config.final_episodes, seed=config.seed
        )
        return result.to_dict()


def fresh_folder(wanted: Path) -> Path:
    """Return ``wanted`` if it does not exist, else the first of ``wanted-2``, ``wanted-3`` ... that does not exist."""
    if not wanted.exists():
        return wanted
    for count in range(2, 10_000):
        path = wanted.with_name(f"{wanted.name}-{count}")
        if not path.exists():
            return path
    raise RunError(f"{wanted} and 9,998 folders numbered after it exist; delete some, or choose one with --out")
