"""RED: a reward from the support of the expert's behaviour (Wang et al., ICML 2019, arXiv 1905.06750)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.transitions import Transitions
from rexd.errors import DemonstrationError, NotFittedError
from rexd.reward.base import Float32, RewardModel
from rexd.reward.calibration import Calibration, KnownErrors, calibrate, known_errors
from rexd.reward.checks import Check, check_reward
from rexd.reward.red.between_episodes import column_relevance
from rexd.reward.red.config import REDConfig
from rexd.reward.red.encoder import Encoder, raw_rows, with_clock
from rexd.reward.red.fitting import Progress, distil, make_networks
from rexd.reward.red.folds import assign_folds
from rexd.reward.red.networks import BLOCK_ROWS, EnsembleMLP, in_blocks, squared_error
from rexd.reward.red.predictability import action_predictability
from rexd.reward.shapes import reward_of, sigma_at_median

NOTABLE = 0.5  # relevance below which weighting columns is tried
GAIN = 0.1  # in ``Calibration.separation``; with less, the columns stay as they are


class RED(RewardModel):
    """Random EXpert Distillation, standardised, calibrated on held-out rows, and an ensemble over folds.

    Each fold has a random target network and a predictor that is distilled from it on the demonstrations outside
    the fold. Their mean squared difference L is small on the expert's support and large off it. The reward is a
    decreasing function of L (``rexd.reward.shapes``), whose scale is measured on rows that a model never saw.

    Support is not density: a state in the middle of the data, such as standing still, can look expert. ``checks_``
    holds what the reward pays there.

    Attributes:
        config: The settings.
        sigma_: Bandwidth σ of the reward's shape.
        mean_: (C,) float32, means of the input columns that vary.
        std_: (C,) float32, their standard deviations.
        calibration_: Held-out errors and anchors.
        checks_: What the reward pays for rows of known kinds.
        held_out_novelty_: (N,) float32, each demonstrated row scored by the model that never saw it; with the paper's
            recipe, which holds nothing out, by the model fitted to it.
        demonstrations_sha256_: Hash of the demonstrations.
    """

    calibration_: Calibration
    checks_: tuple[Check, ...]
    held_out_novelty_: Float32
    demonstrations_sha256_: str
    sigma_: float
    encoder_: Encoder
    target_: EnsembleMLP
    predictor_: EnsembleMLP

    def __init__(self, config: REDConfig | None = None, **settings: Any) -> None:
        """Take a configuration, or its fields by name: ``RED(seed=0, shape="rational")``."""
        self.config = replace(config or REDConfig(), **settings)
        self.clock = self.config.clock

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load_reward`` has given this model its state."""
        return hasattr(self, "sigma_")

    @property
    def mean_(self) -> Float32:
        """(C,) float32, means of the input columns that vary."""
        return self._encoder().mean.numpy()

    @property
    def std_(self) -> Float32:
        """(C,) float32, standard deviations of the input columns that vary."""
        return self._encoder().std.numpy()

    def fit(
        self,
        demonstrations: Demonstrations,
        progress: Progress | None = None,
        *,
        velocity_columns: Sequence[int] | None = None,
    ) -> Self:
        """Distil, calibrate and check.

        Args:
            demonstrations: At least 8 transitions; their ``unused`` rows check the calibration.
            progress: Called with the updates done and in all.
            velocity_columns: Observation columns that are velocities; with them the worst standstill is checked.

        Raises:
            DemonstrationError: Too few rows, or none of the columns varies.
        """
        sha256, known = demonstrations.sha256, np.ones(demonstrations.n_transitions, bool)
        if self.config.inputs == "state-next-state":
            known = demonstrations.transitions().next_known
            demonstrations = _with_known_next(demonstrations)
        rows = demonstrations.transitions()
        raw = raw_rows(self.config.inputs, rows.obs, rows.act, rows.next_obs, demonstrations.act_dim)
        if self.config.clock:
            raw = with_clock(raw, rows.step)
        weights = [torch.ones(raw.shape[1])]
        if self.config.recipe == "paper":
            fold = np.full(len(raw), -1)  # none is held out
        else:
            fold = assign_folds(rows.trajectory, self.config.folds)
            # noise weighted down, and where some columns tell episodes apart also with these weighted down
            weights = [self._predictability(raw, fold, demonstrations)]
            relevance = column_relevance(raw, torch.from_numpy(rows.trajectory))
            if bool((relevance < NOTABLE).any()):
                weights.append(weights[0] * relevance)
        encoders = [self._encode(demonstrations, raw, weight) for weight in weights]
        encoders = [encoder for encoder in encoders if encoder.describes_rows]
        if not encoders:
            raise DemonstrationError(f"{demonstrations.source}: no column varies; there is nothing to learn from")
        best: RED | None = None
        for number, encoder in enumerate(encoders):
            model, found = self._learn(demonstrations, raw, fold, encoder, _part_of(progress, number, len(encoders)))
            if best is None or model.calibration_.separation > best.calibration_.separation + GAIN:
                best, errors = model, found
        assert best is not None
        vars(self).update(vars(best))
        held_out = self.held_out_novelty_
        self.held_out_novelty_ = np.full(len(known), self.calibration_.median, np.float32)
        self.held_out_novelty_[known] = held_out  # a row without a next observation counts as a median one
        self.demonstrations_sha256_ = sha256
        self.sigma_ = self.config.sigma or sigma_at_median(
            self.config.shape, self.calibration_.median, self.config.median_reward
        )
        self.checks_ = check_reward(self, errors, demonstrations, velocity_columns)
        return self

    def _predictability(self, raw: Tensor, fold: NDArray[np.int64], demonstrations: Demonstrations) -> Tensor:
        """A factor for each raw column: (R²)² for continuous actions, 1 for everything else."""
        factors = torch.ones(raw.shape[1])
        if self.config.inputs == "state-action" and demonstrations.n_actions is None:
            first, last = demonstrations.obs_dim, demonstrations.obs_dim + demonstrations.act_dim
            factors[first:last] = action_predictability(raw[:, :first], raw[:, first:last], fold, self.config)
        return factors

    def _encode(self, demonstrations: Demonstrations, raw: Tensor, relevance: Tensor) -> Encoder:
        """The encoder of weighted columns."""
        return Encoder.fit(
            self.config.inputs,
            raw,
            demonstrations.obs_dim,
            demonstrations.act_dim,
            discrete=demonstrations.n_actions is not None,
            clock=self.config.clock,
            relevance=relevance,
            standardised=self.config.recipe == "calibrated",
        )

    def _learn(
        self,
        demonstrations: Demonstrations,
        raw: Tensor,
        fold: NDArray[np.int64],
        encoder: Encoder,
        progress: Progress | None,
    ) -> tuple[RED, KnownErrors]:
        """Distil and calibrate the folds' models on encoded rows, in a model of these settings; its errors too."""
        model = RED(self.config)
        model.encoder_ = encoder
        x, n_models = encoder.standardise(raw), max(int(fold.max()) + 1, 1)
        target, predictor = make_networks(self.config, x.shape[1], n_models)
        distil(target, predictor, x, fold, self.config, progress)
        model.target_, model.predictor_ = target, predictor
        by_model = in_blocks(lambda block: squared_error(target, predictor, block), x, n_models)
        model.held_out_novelty_ = by_model[torch.from_numpy(fold), torch.arange(len(x))].numpy()
        errors = known_errors(demonstrations, model.held_out_novelty_, model._novelty_of, self.config.seed)
        model.calibration_ = calibrate(errors)
        return model, errors

    def novelty(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """The error L of each row, averaged over the folds' models: (batch,) float32."""
        encoder = self._encoder()
        encoder.check(obs, act, next_obs, step)
        out = np.empty(len(obs), np.float32)
        for start in range(0, len(obs), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            raw = encoder.raw(
                obs[block],
                None if act is None else act[block],
                None if next_obs is None else next_obs[block],
                None if step is None else step[block],
            )
            out[block] = self.novelty_of_inputs(encoder.standardise(raw)).numpy()
        return out

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """L of standardised inputs, differentiable in them: (batch, C) -> (batch,)."""
        models = len(self.target_.weights[0])
        return squared_error(self.target_, self.predictor_, x.expand(models, -1, -1)).mean(dim=0)

    def predict(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """The reward of each row, in [0, 1]: (batch,) float32."""
        return self.reward_of_novelty(self.novelty(obs, act, next_obs, step))

    def reward_of_novelty(self, novelty: Float32) -> Float32:
        """The calibrated shape applied to errors."""
        reward = reward_of(torch.from_numpy(novelty), self.config.shape, self.sigma_, self.calibration_.anchor)
        return reward.numpy()

    def save(self, path: str | Path) -> Path:
        """Write networks, standardiser, calibration, checks and provenance to one ``.safetensors`` file."""
        from rexd.reward.files import save_reward

        self._encoder()
        return save_reward(self, path)

    def _novelty_of(self, rows: Transitions) -> Float32:
        return self.novelty(rows.obs, rows.act, rows.next_obs, rows.step)

    def _encoder(self) -> Encoder:
        if not hasattr(self, "encoder_"):
            raise NotFittedError("this RED is not fitted; call fit(demonstrations), or rexd.load_reward(path)")
        return self.encoder_


def _part_of(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Report one of several fits of equal length as a part of them all."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, parts * total)


def _with_known_next(demonstrations: Demonstrations) -> Demonstrations:
    """Leave out the rows whose next observation was not recorded."""
    kept = tuple(t.rows(np.flatnonzero(t.next_known)) for t in demonstrations.trajectories if t.next_known.any())
    unused = tuple(t.rows(np.flatnonzero(t.next_known)) for t in demonstrations.unused if t.next_known.any())
    if not kept:
        raise DemonstrationError(
            f"{demonstrations.source}: no row has a recorded next observation; use inputs='state-action' or 'state'"
        )
    return replace(demonstrations, trajectories=kept, unused=unused)
