"""The training loop: learn, evaluate, keep the best, write a checkpoint; again until the steps are done.

An evaluation may go on beside the training (``rexd.rl.selection.judging``). The checkpoint then says that it is under
way, and a run that is resumed from it begins with that evaluation.
"""

from __future__ import annotations

import json
import time
from typing import Any

import torch

from rexd.files import copy_file, write_json
from rexd.reward.base import RewardModel
from rexd.rl.learners.protocol import State
from rexd.rl.observers.episode_watch import EpisodeWatch
from rexd.rl.observers.whenever import Whenever
from rexd.rl.policies.policy import POLICY_FILE, Policy, ensemble, load_policy
from rexd.rl.selection.clone_candidates import CloneCandidates
from rexd.rl.selection.judge import Judge, Player, Standing
from rexd.rl.selection.judging import Judging
from rexd.rl.training import run_folder as files
from rexd.rl.training.board import LOSS, Board, LossWatch
from rexd.rl.training.comparison import Comparison
from rexd.rl.training.context import RunContext
from rexd.rl.training.learner import Built

RECENT = "recent"  # the name of the arrays of earlier policies in a checkpoint


class TrainingLoop:
    """One run from its start, or its last checkpoint, to its final evaluation."""

    def __init__(
        self,
        context: RunContext,
        built: Built,
        reward: RewardModel | None,
        *,
        started: float,
        comparison: Comparison,
    ) -> None:
        """Take the parts of a run, and its checkpoint if there is one.

        Args:
            context: The settings, folder, environment and observer of the run.
            built: A learner without experience, and what is done for it.
            reward: Scores the episodes of evaluations, and so selects the best policy. None selects by the
                environment's reward, which then is what the learner is trained on.
            started: ``time.monotonic()`` when the run began.
            comparison: What the result is compared with.
        """
        self.context, self.reward = context, reward
        self.learner, self.labels, self.fallback = built
        self.config, self.folder, self.observer = context.config, context.folder, context.observer
        self.started, self.comparison, self.seconds_before = started, comparison, 0.0
        self.play = Player(context.make_env, reward)
        paired = context.goals is not None
        self.judge = Judge(self.play, self.config.evaluation_episodes, self.config.seed, paired)
        self.standing = Standing()
        self.pending: dict[str, Any] | None = None  # the record of the evaluation that is under way, without its result
        self.records: list[dict[str, Any]] = []
        self.recent: list[Policy] = []  # of the latest evaluations, as many as the ensemble has members
        checkpoint = files.load_checkpoint(self.folder)
        if checkpoint is not None:
            self._resume(*checkpoint)

    def _resume(self, state: State, progress: dict[str, Any]) -> None:
        self.learner.load_state(state)
        if self.labels is not None:
            with torch.random.fork_rng(devices=[]):
                self.labels.restore(self.learner)
        self.recent = _recent(state, self._policy())
        self.standing, self.pending = Standing.from_dict(progress), progress.get("pending")
        self.seconds_before, self.comparison.clone = progress["seconds"], progress.get("clone")
        judged = self.learner.steps if self.pending is None else self.learner.steps - 1
        self.records = [r for r in files.read_metrics(self.folder) if r["steps"] <= judged]
        if not getattr(self.learner, "goes_on", True):
            self.observer.message(
                "the episode under way cannot be played again, and a new one begins: what follows differs from a run "
                "that was never stopped"
            )
        self.observer.message(f"resuming at {self.learner.steps:,} of {self.config.steps:,} steps")

    @property
    def seconds(self) -> float:
        """The wall-clock time of the run so far, including what came before a resume."""
        return self.seconds_before + time.monotonic() - self.started

    def run(self) -> None:
        """Train to the end, then evaluate the selected policy."""
        clone = self._policy() if self.learner.steps == 0 and self.comparison.cloned else None
        with Board(self.folder / files.TENSORBOARD_FOLDER, self.config) as board, Judging(self.judge) as judging:
            shown = "true_episode" if self.reward is None else "learned_episode"
            watch, losses = EpisodeWatch(self.observer, self.config.steps, shown), LossWatch(board)
            waiting = Whenever(judging.ready, lambda: self._tell(self._take(judging), board))
            if self.pending is not None and self._begin(judging):
                self._tell(self._take(judging), board)
            while self.learner.steps < self.config.steps:
                target = (self.learner.steps // self.config.evaluate_every + 1) * self.config.evaluate_every
                before, started = self.learner.steps, time.monotonic()
                self._learn(min(target, self.config.steps), [watch, losses, waiting])
                speed = (self.learner.steps - before) / max(time.monotonic() - started, 1e-9)
                if clone is not None:  # played now, so that the first step need not wait for it
                    self.comparison.evaluate_clone(clone)
                    clone = None
                losses.show(before=self.learner.steps)  # the record has those of the last step
                self._tell(self._take(judging), board)
                self._evaluate(judging, board, watch, speed)
            self._tell(self._take(judging), board)
        self._finish()

    @property
    def _left(self) -> int:
        """The number of evaluations that are still to come."""
        return -(-(self.config.steps - self.learner.steps) // self.config.evaluate_every)

    def _learn(self, target: int, callbacks: list[Any]) -> None:
        """Learn until a number of steps is reached; demonstrations without actions are labelled on the way."""
        if self.labels is not None:
            for step in self.labels.due(self.learner.steps, target):
                self.learner.learn(step - self.learner.steps, callbacks)
                self.labels.make(self.learner, step)
        if target > self.learner.steps:
            self.learner.learn(target - self.learner.steps, callbacks)

    def _evaluate(self, judging: Judging, board: Board, watch: EpisodeWatch, speed: float) -> None:
        """Begin to judge the present policy, and write a checkpoint."""
        self.recent = [*self.recent, self._policy()][-self.config.ensemble :]
        losses = {f"{LOSS}{name}": value for name, value in self.learner.losses().items()}
        self.pending = {"steps": self.learner.steps, **watch.recent(), **losses}
        record = self._take(judging) if self._begin(judging) else None
        state = self.learner.state()
        files.save_checkpoint(self.folder, {**state, **self._snapshots()}, self._progress())
        board.replayed(state, self.learner.steps, speed)
        self._tell(record, board)

    def _begin(self, judging: Judging) -> bool:
        """Begin to judge the policy of the present steps, and return whether its verdict is there."""
        policy = ensemble(self.recent)
        policy.save(self.folder / files.LAST_POLICY_FILE)
        self.learner.save_zip(self.folder / files.LAST_ZIP_FILE)
        return judging.begin(policy, self.standing, left=self._left)

    def _take(self, judging: Judging) -> dict[str, Any] | None:
        """Take the verdict on the last policy: keep the policy if it is the best, and write the metrics.

        Returns:
            The record of the metrics; None where the verdict is taken already.
        """
        if self.pending is None:
            return None
        verdict, pending = judging.verdict(), self.pending
        self.pending, self.standing, result = None, verdict.standing, verdict.evaluation
        if verdict.selected:
            copy_file(self.folder / files.LAST_POLICY_FILE, self.folder / POLICY_FILE)
            copy_file(self.folder / files.LAST_ZIP_FILE, self.folder / files.ZIP_FILE)
        record = {
            "steps": pending["steps"],
            "seconds": round(self.seconds, 3),
            "learned_return": None if result.learned is None else result.learned.mean,
            "true_return": result.true.mean,
            "true_return_std": result.true.std,
            "length": result.length,
            "confirmed_return": verdict.confirmed,
            "selected": verdict.selected,
            **pending,
        }
        self.records.append(record)
        files.write_metrics(self.folder, self.records)
        return record

    def _tell(self, record: dict[str, Any] | None, board: Board) -> None:
        """Tell the observer and TensorBoard of an evaluation, if there was one."""
        if record is not None:
            board.evaluated(record)
            self.observer.evaluated(record)

    def _progress(self) -> dict[str, Any]:
        """Return what the checkpoint says beside the learner's state."""
        return {
            "best": self.standing.best,
            "error": self.standing.error,
            "terminal": self.standing.terminal,
            **({} if self.context.goals is None else {"first": self.standing.first}),
            "selection_steps": self.standing.steps,
            "seconds": self.seconds,
            "clone": self.comparison.clone,
            **({} if self.pending is None else {"pending": self.pending}),
        }

    def _policy(self) -> Policy:
        policy = self.learner.policy().taking(self.context.observations)
        # Evaluation plays the environment as it is, without the mark of absorbing states.
        return policy.without_last_column() if self.config.absorbing else policy

    def _as_policy(self, clone: Policy) -> Policy:
        """Give the learner the weights of a clone, and return it as the policies of the run are."""
        self.learner.warm_start(clone)
        return self._policy()

    def _keep(self, policy: Policy) -> None:
        policy.save(self.folder / POLICY_FILE)
        self.learner.save_zip(self.folder / files.ZIP_FILE)

    def _snapshots(self) -> State:
        """Return the policies that the next ensemble begins with, or that are being judged, for the checkpoint."""
        members = self.config.ensemble - (self.pending is None)
        kept = self.recent[-members:] if members else []
        return {
            f"{RECENT}.{number}.{name}": tensor.numpy()
            for number, policy in enumerate(kept)
            for name, tensor in policy.tensors().items()
        }

    def _finish(self) -> None:
        """Evaluate the selected policy in fresh episodes; this is the result of the run."""
        chosen = [record for record in self.records if record.get("selected")]
        selected_at = chosen[-1]["steps"] if chosen else None
        if self.fallback is not None and chosen:
            candidates = CloneCandidates(self.fallback, self.judge, self._as_policy, self._keep, self.observer)
            kept, self.standing = candidates.judge_after(chosen[-1], self.standing, ran=self.learner.steps)
            selected_at = 0 if kept else selected_at
        result = self.play(load_policy(self.folder), self.config.final_episodes, self.config.seed)
        write_json(
            self.folder / files.EVALUATION_FILE,
            {
                **json.loads(json.dumps(result.to_dict())),
                "steps": self.learner.steps,
                "selected_at": selected_at,
                "selection_steps": self.standing.steps,
                "seconds": round(self.seconds, 3),
                "zips": files.zip_hashes(self.folder),
                **({"adapted": dict(self.context.adapted)} if self.context.adapted else {}),
                **self.comparison.to_dict(),
            },
        )


def _recent(state: State, like: Policy) -> list[Policy]:
    """Return the policies that ``_snapshots`` kept; ``like`` is any policy of the run."""
    found: list[Policy] = []
    while f"{RECENT}.{len(found)}.layers.0.weight" in state:
        tensors = {name: torch.from_numpy(state[f"{RECENT}.{len(found)}.{name}"]) for name in like.tensors()}
        found.append(Policy.from_tensors(like.spec, len(like.layers), tensors))
    return found
