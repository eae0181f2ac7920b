"""Primal Wasserstein imitation: the cost of coupling an episode with the demonstrations (arXiv 2006.04678)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import SpaceMismatchError
from rexd.progress import Progress
from rexd.reward.base import InOrder
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.fitted import Novelty
from rexd.reward.estimator.given import EncodedRows
from rexd.reward.estimator.serialise import take
from rexd.reward.rivals.coupling import Coupling
from rexd.reward.rivals.rival import Rival, RivalNovelty
from rexd.reward.rivals.settings import PWILConfig
from rexd.reward.rows import Float32, Rows

LONGEST = 2**31  # steps


@dataclass(frozen=True, eq=False)
class Wasserstein(RivalNovelty):
    """Demonstrated rows that an episode is coupled with, step by step.

    Attributes:
        encoder: Gives standardised inputs.
        atoms: (N, C) float32 standardised demonstrated rows.
        horizon: The number of steps that weigh as much as all of them.
    """

    atoms: Tensor
    horizon: int

    def begin(self) -> Coupling:
        """Begin the coupling of an episode."""
        return Coupling(self.atoms.numpy(), self.horizon)

    def novelty(self, rows: Rows) -> Float32:
        """Return the cost of each row; each run of rising steps is coupled as an episode.

        Raises:
            SpaceMismatchError: The rows do not fit, hold NaN, or do not know their steps.
        """
        return self.in_order([self.begin()], rows, np.zeros(len(rows), np.int64))

    def in_order(self, episodes: list[Coupling], rows: Rows, environment: NDArray[np.int64]) -> Float32:
        """Couple rows with the episodes that they continue; an episode that they do not continue is begun anew.

        Args:
            episodes: The running episode of each environment, which is changed in place.
            rows: The rows, those of one environment in order.
            environment: (batch,) the number of the environment of each row.
        """
        if rows.step is None:
            raise SpaceMismatchError(
                "the rows do not know their steps, and PWIL couples the rows of an episode in order; expected step, "
                "the number of steps since the start of the episode, such as step=np.arange(len(obs)) for one episode"
            )
        self.encoder.columns.check(rows)
        x = self.inputs_of(rows).numpy()
        out = np.empty(len(rows), np.float32)
        for row, (at, step) in enumerate(zip(environment.tolist(), np.asarray(rows.step).tolist(), strict=True)):
            if step == 0 or not episodes[at].follows(step):
                episodes[at] = self.begin()
            out[row] = episodes[at].cost(x[row], step)
        return out

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """Return the distance to the nearest row, which is what a first step costs: (batch, C) -> (batch,)."""
        return torch.cdist(x, self.atoms).min(dim=1).values

    def describe(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the rows and the horizon."""
        return {"steps": self.horizon, "atoms": len(self.atoms)}, {"atoms": self.atoms}


class PWIL(Rival):
    """A reward that falls with the cost of coupling an episode's rows, one after the other, with demonstrated ones.

    What a step is paid depends on the steps before it (``stateful``): a demonstrated row that was used up is no longer
    near. Rows are given in the order of their episodes, with their ``step``; wrappers and ``rexd.train`` do so.
    """

    settings = PWILConfig
    config: PWILConfig

    def __init__(self, config: PWILConfig | None = None, **settings: Any) -> None:
        """Take a configuration, or its fields by name."""
        super().__init__(config, **settings)
        self.clock = True  # ``step`` says where an episode begins, whether or not time is an input

    def in_order(self, environments: int) -> InOrder:
        """Return what scores the rows of running episodes."""
        fitted = self._fitted()
        learnt = fitted.learnt
        assert isinstance(learnt, Wasserstein)
        episodes = [learnt.begin() for _ in range(environments)]
        return lambda rows, environment: fitted.reward_of_novelty(learnt.in_order(episodes, rows, environment))

    def predict_demonstrations(self, demonstrations: Demonstrations) -> Float32:
        """Return the reward of each demonstrated row; those that it was fitted to are paid what they cost held out.

        Coupled with itself, a demonstration would cost nothing.
        """
        self._fitted()
        same = demonstrations.sha256 == self.demonstrations_sha256_
        if same and len(self.held_out_novelty_) == demonstrations.n_transitions:
            return self.held_out_reward_
        parts = [self.reward_of(Rows.of_trajectory(trajectory)) for trajectory in demonstrations]
        return np.concatenate(parts)

    def _learn(self, training: EncodedRows, progress: Progress | None) -> tuple[Novelty, Float32]:
        """Couple each trajectory with the rows outside its fold; in the end, all rows are kept."""
        x, fold, rows = training.x, training.fold, training.transitions
        horizon = int(rows.step.max()) + 1
        held_out = np.empty(len(x), np.float32)
        values, done = x.numpy(), 0
        pieces = np.split(np.arange(len(x)), np.flatnonzero(np.diff(rows.trajectory) | np.diff(fold)) + 1)
        for piece in pieces:
            episode = Coupling(values[fold != fold[piece[0]]], horizon)
            for row in piece:
                held_out[row] = episode.cost(values[row], int(rows.step[row]))
            done += len(piece)
            if progress is not None:
                progress(done, len(x))
        return Wasserstein(training.encoder, x.contiguous(), horizon), held_out

    @classmethod
    def _rebuild_novelty(
        cls, source: str, config: Any, encoder: Encoder, content: dict[str, Any], tensors: dict[str, Tensor]
    ) -> Novelty:
        """Take the rows and the horizon."""
        horizon, count = int(content["steps"]), int(content["atoms"])
        if not 1 <= horizon < LONGEST or count < 1:
            raise ValueError(f"{count} rows and a horizon of {horizon} steps; expected positive numbers")
        return Wasserstein(encoder, take(source, tensors, "atoms", (count, len(encoder.kept))), horizon)
