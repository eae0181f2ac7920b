"""Learn, evaluate, keep the best, write a checkpoint; again until the steps are done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from rexd.evaluation.evaluate import Evaluation, evaluate
from rexd.files import write_json
from rexd.reward.base import RewardModel
from rexd.rl.config import TrainConfig
from rexd.rl.learners.protocol import Learner, State
from rexd.rl.policies.policy import Policy, ensemble, load_policy
from rexd.rl.training import run_folder as files
from rexd.rl.training.fallback import Fallback
from rexd.rl.training.observer import Observer

SELECTION_SEED = 1_000_003  # evaluation episodes during training start elsewhere than those of the final evaluation
CONFIRMATION_SEED = 2_000_003
CONFIRMATIONS = 3  # times as many episodes again, for a policy that seems to be the best
OBSERVE_EVERY = 50
RECENT = "recent"  # what the arrays of earlier policies are called in a checkpoint


class TrainingLoop:
    """One run from its last checkpoint, or its start, to its final evaluation."""

    def __init__(
        self,
        folder: Path,
        config: TrainConfig,
        learner: Learner,
        reward: RewardModel | None,
        make_env: Callable[[], gymnasium.Env[Any, Any]],
        observer: Observer,
        started: float,
        fallback: Fallback | None = None,
    ) -> None:
        """Take the parts, and the checkpoint if there is one.

        Args:
            folder: Of the run.
            config: Its settings.
            learner: Built, without experience.
            reward: Scores evaluation episodes; selects the best policy. None selects by the environment's reward,
                which then is what the learner is trained on.
            make_env: Makes environments for evaluation.
            observer: Told of progress.
            started: ``time.monotonic()`` when the run began.
            fallback: What to keep where the reward taught nothing; None keeps the best policy whatever it earned.
        """
        self.folder, self.config, self.learner, self.reward = folder, config, learner, reward
        self.make_env, self.observer, self.started, self.fallback = make_env, observer, started, fallback
        self.best, self.selection_steps, self.seconds_before = -np.inf, 0, 0.0
        self.records: list[dict[str, Any]] = []
        self.recent: list[Policy] = []  # of the latest evaluations, as many as the ensemble has members
        checkpoint = files.load_checkpoint(folder)
        if checkpoint is not None:
            state, progress = checkpoint
            learner.load_state(state)
            self.recent = _recent(state, learner.policy())
            self.best, self.selection_steps = progress["best"], progress["selection_steps"]
            self.seconds_before = progress["seconds"]
            self.records = [r for r in files.read_metrics(folder) if r["steps"] <= learner.steps]
            observer.message(f"resuming at {learner.steps:,} of {config.steps:,} steps")

    @property
    def seconds(self) -> float:
        """Wall-clock of the run so far, what came before a resume included."""
        return self.seconds_before + time.monotonic() - self.started

    def run(self) -> None:
        """Train to the end, then evaluate the selected policy."""
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(self.folder / files.TENSORBOARD_FOLDER)) as board:
            paid = "true_episode" if self.reward is None else "learned_episode"
            watch = _Watch(self.observer, self.config.steps, paid)
            while self.learner.steps < self.config.steps:
                target = (self.learner.steps // self.config.evaluate_every + 1) * self.config.evaluate_every
                self.learner.learn(min(target, self.config.steps) - self.learner.steps, watch)
                record = self._evaluate(watch)
                for name, value in record.items():
                    if isinstance(value, float):
                        board.add_scalar(name, value, record["steps"])
        self._finish()

    def _evaluate(self, watch: _Watch) -> dict[str, Any]:
        self.recent = [*self.recent, self._policy()][-self.config.ensemble :]
        policy = ensemble(self.recent)
        result = self._play(policy, self.config.evaluation_episodes, SELECTION_SEED + self.config.seed)
        confirmed = self._confirmed(policy, result)
        selected = confirmed is not None and confirmed >= self.best
        if confirmed is not None and selected:
            self.best = confirmed
            self._keep(policy)
        policy.save(self.folder / files.LAST_POLICY_FILE)
        self.learner.save_zip(self.folder / files.LAST_ZIP_FILE)
        record = {
            "steps": self.learner.steps,
            "seconds": round(self.seconds, 3),
            "learned_return": None if result.learned is None else result.learned.mean,
            "true_return": result.true.mean,
            "true_return_std": result.true.std,
            "length": float(np.mean([episode.length for episode in result.episodes])),
            "confirmed_return": confirmed,
            "selected": selected,
            **watch.recent(),
            **{f"loss/{name}": value for name, value in self.learner.losses().items()},
        }
        self.records.append(record)
        files.write_metrics(self.folder, self.records)
        progress = {"best": self.best, "selection_steps": self.selection_steps, "seconds": self.seconds}
        files.save_checkpoint(self.folder, {**self.learner.state(), **self._snapshots()}, progress)
        self.observer.evaluated(record)
        return record

    def _policy(self) -> Policy:
        policy = self.learner.policy()
        # evaluation plays the environment as it is
        return policy.without_last_column() if self.config.absorbing else policy

    def _keep(self, policy: Policy) -> None:
        policy.save(self.folder / files.POLICY_FILE)
        self.learner.save_zip(self.folder / files.ZIP_FILE)

    def _snapshots(self) -> State:
        """The policies that the next ensemble begins with, for the checkpoint."""
        kept = self.recent[1 - self.config.ensemble :] if self.config.ensemble > 1 else []
        return {
            f"{RECENT}.{number}.{name}": tensor.numpy()
            for number, policy in enumerate(kept)
            for name, tensor in policy.tensors().items()
        }

    def _confirmed(self, policy: Policy, result: Evaluation) -> float | None:
        """The return that selects, over further episodes too; None where the policy does not seem to be the best.

        Of fifty policies that fall in half of their episodes, one does not in its first five: Walker2d's best of
        682 came to 528 in twenty others.
        """
        score, episodes = _score(result), len(result.episodes)
        self.selection_steps += _steps(result)
        if score < self.best:
            return None
        further = self._play(policy, CONFIRMATIONS * episodes, CONFIRMATION_SEED + self.config.seed)
        self.selection_steps += _steps(further)
        return (score + CONFIRMATIONS * _score(further)) / (1 + CONFIRMATIONS)

    def _finish(self) -> None:
        """Evaluate the selected policy in fresh episodes; this is the run's result."""
        chosen = [record for record in self.records if record["selected"]]
        selected_at = chosen[-1]["steps"] if chosen else None
        if self.fallback is not None and chosen and (why := self.fallback.why(chosen[-1])) is not None:
            self.observer.message(why)
            self.learner.warm_start(self.fallback.clone())
            self._keep(self._policy())
            selected_at = 0
        result = self._play(load_policy(self.folder), self.config.final_episodes, self.config.seed)
        write_json(
            self.folder / files.EVALUATION_FILE,
            {
                **json.loads(json.dumps(result.to_dict())),
                "steps": self.learner.steps,
                "selected_at": selected_at,
                "selection_steps": self.selection_steps,
                "seconds": round(self.seconds, 3),
            },
        )

    def _play(self, policy: Policy, episodes: int, seed: int) -> Evaluation:
        return evaluate(self.make_env, policy, self.reward, episodes=episodes, seed=seed)


def _recent(state: State, like: Policy) -> list[Policy]:
    """The inverse of ``_snapshots``, given any policy of the run."""
    found: list[Policy] = []
    while f"{RECENT}.{len(found)}.layers.0.weight" in state:
        tensors = {name: torch.from_numpy(state[f"{RECENT}.{len(found)}.{name}"]) for name in like.tensors()}
        found.append(Policy.from_tensors(like.spec, len(like.layers), tensors))
    return found


def _score(result: Evaluation) -> float:
    """What selects: the learned return, or the environment's where that is what is learnt from."""
    return result.true.mean if result.learned is None else result.learned.mean


def _steps(result: Evaluation) -> int:
    return sum(episode.length for episode in result.episodes)


class _Watch(BaseCallback):
    """Gathers the returns of training episodes, and tells the observer."""

    def __init__(self, observer: Observer, total: int, progress: str) -> None:
        """Take the name in infos of the return that the observer is told."""
        super().__init__()
        self.observer, self.total, self.progress = observer, total, progress
        self.ended: list[dict[str, Any]] = []  # infos: a learned return comes into them when its rewards are settled
        self.latest: float | None = None

    def _on_step(self) -> bool:
        self.ended += [self.locals["infos"][k] for k in np.flatnonzero(self.locals["dones"])]
        if self.num_timesteps % OBSERVE_EVERY == 0:
            self.latest = next(reversed(self._returns(self.progress)), self.latest)
            self.observer.step(self.num_timesteps, self.total, self.latest)
        return True

    def recent(self) -> dict[str, float | None]:
        """Mean returns of the training episodes since the last call."""
        learned, true = self._returns("learned_episode"), self._returns("true_episode")
        self.ended = []
        return {
            "training_learned_return": float(np.mean(learned)) if learned else None,
            "training_true_return": float(np.mean(true)) if true else None,
        }

    def _returns(self, name: str) -> list[float]:
        return [info[name]["r"] for info in self.ended if name in info]
