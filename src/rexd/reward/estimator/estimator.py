"""The order of a fit that all estimators of novelty share: inputs, learning, calibration, checks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.other_goals import rows_for_goals
from rexd.demos.states_alone import check_inputs
from rexd.errors import DemonstrationError, NotFittedError
from rexd.progress import Progress
from rexd.reward.base import RewardModel
from rexd.reward.beginner import coverage, least_spread
from rexd.reward.calibration import Calibration, KnownErrors, calibrate, known_errors
from rexd.reward.checks import Check, check_reward
from rexd.reward.choices import Shape
from rexd.reward.columns import InputColumns
from rexd.reward.encoder import Encoder
from rexd.reward.ends import horizon_of
from rexd.reward.estimator.between_episodes import column_relevance
from rexd.reward.estimator.far_beginner import reaching
from rexd.reward.estimator.fitted import Fitted, Novelty
from rexd.reward.estimator.folds import assign_folds
from rexd.reward.estimator.given import EncodedRows, demonstrations_in_memory, only_known_next
from rexd.reward.estimator.predictability import action_predictability
from rexd.reward.estimator.serialise import (
    Saved,
    check_type,
    check_version,
    describe,
    rebuild,
    rebuild_encoder,
    rebuilding,
)
from rexd.reward.estimator.settings import EstimatorSettings
from rexd.reward.rows import Float32, Rows
from rexd.reward.shapes import sigma_at_median

if TYPE_CHECKING:
    from rexd.reading.anything import DemonstrationsLike

NOTABLE = 0.5  # relevance below which weighting columns is tried
GAIN = 0.1  # in ``Calibration.separation``; with a smaller gain, the columns stay as they are


class Estimator(RewardModel):
    """A reward from an estimate of the support of the expert's behaviour, calibrated on rows that no model saw.

    What differs between estimators is the novelty, which ``_learn`` returns. All have the same standardised inputs, the
    same folds, the same scale and the same checks, so that one differs from another in the novelty alone.

    Attributes:
        settings: The class of its settings.
        config: The settings.
        fitted_: The novelty and the scale that were learnt.
        checks_: What the reward pays for rows of known kinds.
        held_out_novelty_: (N,) float32, the error of each demonstrated row by the model that never saw it; with RED's
            paper recipe, which holds nothing out, by the model that was fitted to it. Where there are goals, the rows
            are those of ``rexd.demos.other_goals.rows_for_goals``.
        held_out_reward_: (N,) float32, what each of these rows is paid with that error.
        demonstrations_sha256_: Hash of the demonstrations.
    """

    settings: ClassVar[type[EstimatorSettings]]
    config: EstimatorSettings
    fitted_: Fitted
    checks_: tuple[Check, ...]
    held_out_novelty_: Float32
    held_out_reward_: Float32
    demonstrations_sha256_: str

    def __init__(self, config: EstimatorSettings) -> None:
        """Take the settings."""
        self.config = config
        self.clock, self.stateful = config.clock, config.stateful

    def fit(
        self,
        demonstrations: DemonstrationsLike,
        progress: Progress | None = None,
        *,
        velocity_columns: Sequence[int] | None = None,
        beginner: Rows | None = None,
        random_play: Rows | None = None,
    ) -> Self:
        """Learn the novelty, calibrate it and check it.

        Args:
            demonstrations: At least 8 transitions: ``Demonstrations``, whose ``unused`` rows check the calibration; a
                path; a pair ``(observations, actions)``; or anything else that
                ``rexd.reading.anything.demonstrations_of`` takes. Of a file that is larger than memory 50,000
                transitions are drawn.
            progress: Called with the number of updates done and in all.
            velocity_columns: Observation columns that are velocities; with them the worst standstill is checked.
            beginner: Rows of the policy that learning begins with, which set the least scale
                (``rexd.reward.beginner``) and, where they are far, how the reward reaches them
                (``rexd.reward.estimator.far_beginner``). Without them the demonstrations' spread is the only scale.
            random_play: Rows of a policy that acts at random, to which the reward may have to reach.

        Raises:
            DemonstrationError: There are too few rows, no column varies, or these are no demonstrations.
        """
        demonstrations = demonstrations_in_memory(demonstrations, self.config.seed)
        check_inputs(demonstrations, self.config.inputs)
        sha256, horizon = demonstrations.sha256, horizon_of(demonstrations)
        demonstrations, spread = rows_for_goals(demonstrations, stays=horizon is None)
        asked, known = Rows.of_transitions(demonstrations.transitions()), np.ones(demonstrations.n_transitions, bool)
        if self.config.inputs == "state-next-state":
            known = demonstrations.transitions().next_known
            demonstrations = only_known_next(demonstrations)
        if spread is not None or demonstrations.image or self.config.recipe == "paper":
            beginner = None  # what it would widen has a scale: all ways, or all pixels; the paper looks at neither
        best = self._best_candidate(demonstrations, _Beside(beginner, spread), progress)
        calibration = best.calibration
        shape = self._shape(at_goals=spread is not None)
        sigma = self.config.sigma or sigma_at_median(shape, calibration.median, self.config.median_reward)
        fitted = Fitted(best.learnt, shape, sigma, calibration, None)
        if beginner is not None and not self.stateful and calibration.coverage == 1.0:
            ends, seed = horizon is not None, self.config.seed
            fitted = reaching(fitted, asked, best.errors.held_out, beginner, random_play, ends=ends, seed=seed)
        held_out = np.full(len(known), calibration.median, np.float32)
        held_out[known] = best.errors.held_out  # a row without a next observation counts as a median one
        errors, paid = replace(best.errors, held_out=held_out), fitted.paid(asked, held_out)
        checks = check_reward(
            fitted, errors, paid, demonstrations, self.config.seed, None if self.stateful else velocity_columns
        )
        self._take(Saved(self.config, fitted, checks, held_out, paid, sha256, horizon))
        return self

    def _shape(self, *, at_goals: bool) -> Shape:
        """Return how the error becomes a reward: at goals, the linear shape takes the place of a calibrated logarithm.

        The logarithm pays as much for the last halving of a distance as for the first, so that a small action costs
        more than the last centimetres bring (docs/lab/reward-inputs.md).
        """
        linear = at_goals and self.config.shape == "logarithmic" and self.config.sigma is None
        return "linear" if linear else self.config.shape

    def _best_candidate(self, demonstrations: Demonstrations, beside: _Beside, progress: Progress | None) -> _Candidate:
        """Fit a model for each way of weighting the columns, and return the one that separates best."""
        spread = beside.spread
        clock = self.config.clock and spread is None  # staying at a goal is worth the same at any time
        columns = InputColumns.of(demonstrations, self.config.inputs, clock=clock)
        rows = demonstrations.transitions()
        known = Rows.of_transitions(rows)
        raw = columns.concatenate(known)
        fold = self._folds(rows.trajectory)
        if columns.image:
            found = [self._image_encoder(columns, known)]
        elif spread is not None and self.config.recipe == "calibrated":
            way = columns.concatenate(Rows.of_transitions(spread.transitions()))
            found = [Encoder.fit(columns, way)]
        else:
            least = None if beside.beginner is None else least_spread(columns, beside.beginner)
            found = self._encoders(columns, raw, rows.trajectory, fold, least)
        encoders = [encoder for encoder in found if encoder.describes_rows]
        if not encoders:
            raise DemonstrationError(f"{demonstrations.source}: no column varies; there is nothing to learn from")
        best: _Candidate | None = None
        for number, encoder in enumerate(encoders):
            part = _part_of(progress, number, len(encoders))
            training = EncodedRows(encoder, encoder.standardise(encoder.raw(known)), fold, rows)
            candidate = self._candidate(demonstrations, training, beside, part)
            if best is None or candidate.calibration.separation > best.calibration.separation + GAIN:
                best = candidate
        assert best is not None
        if beside.beginner is None:
            return best
        covered = coverage(columns, raw, beside.beginner)
        return replace(best, calibration=replace(best.calibration, coverage=covered))

    def _encoders(
        self,
        columns: InputColumns,
        raw: Tensor,
        trajectory: NDArray[np.int64],
        fold: NDArray[np.int64],
        least: Tensor | None,
    ) -> list[Encoder]:
        """Return the encoders to try: noisy actions weighted down, then also what only tells episodes apart."""
        weights = [self._predictability(columns, raw, fold)]
        relevance = column_relevance(raw, torch.from_numpy(trajectory))
        if bool((relevance < NOTABLE).any()):
            weights.append(weights[0] * relevance)
        return [Encoder.fit(columns, raw, relevance=weight, least=least) for weight in weights]

    @abstractmethod
    def _learn(self, training: EncodedRows, progress: Progress | None) -> tuple[Novelty, Float32]:
        """Learn the novelty.

        Args:
            training: The rows to learn from.
            progress: Called now and then with what is done and what there is in all.

        Returns:
            The novelty, and the error (N,) of each row by a model that never saw its fold.
        """

    @abstractmethod
    def _image_encoder(self, columns: InputColumns, rows: Rows) -> Encoder:
        """Return the encoder of images, of which there are no columns to weigh, or refuse images."""

    def _folds(self, trajectory: NDArray[np.int64]) -> NDArray[np.int64]:
        """Assign a fold to each row."""
        return assign_folds(trajectory, self.config.folds)

    def _predictability(self, columns: InputColumns, raw: Tensor, fold: NDArray[np.int64]) -> Tensor:
        """Return a factor for each raw column: (R²)² for continuous actions, 1 for everything else."""
        factors = torch.ones(raw.shape[1])
        if columns.inputs == "state-action" and not columns.discrete:
            first, last = columns.seen_dim, columns.seen_dim + columns.act_dim
            factors[first:last] = action_predictability(raw[:, :first], raw[:, first:last], fold, self.config)
        return factors

    def _candidate(
        self,
        demonstrations: Demonstrations,
        training: EncodedRows,
        beside: _Beside,
        progress: Progress | None,
    ) -> _Candidate:
        """Learn the novelty of encoded rows, and calibrate it."""
        learnt, held_out = self._learn(training, progress)
        errors = known_errors(
            demonstrations,
            held_out,
            learnt.novelty,
            self.config.seed,
            elsewhere=beside.spread,
            beginner=beside.beginner,
        )
        return _Candidate(learnt, errors, calibrate(errors))

    def novelty_of(self, rows: Rows) -> Float32:
        """Return the error L of each row, averaged over the models of the folds: (batch,) float32."""
        return self._fitted().novelty(rows)

    def reward_of(self, rows: Rows) -> Float32:
        """Return the reward of each row: (batch,) float32 in [0, 1]."""
        fitted = self._fitted()
        return fitted.paid(rows, fitted.novelty(rows))

    def reward_of_novelty(self, novelty: Float32) -> Float32:
        """Apply the calibrated shape to errors: (batch,) -> (batch,) float32 in [0, 1]; the way is left out."""
        return self._fitted().reward_of_novelty(novelty)

    def paid(self, rows: Rows, novelty: Float32) -> Float32:
        """Return the reward of rows whose errors (batch,) are known: (batch,) float32 in [0, 1]."""
        return self._fitted().paid(rows, novelty)

    def __repr__(self) -> str:
        """Tell the settings, and for a fitted model what it pays."""
        shape = self.fitted_.shape if self.fitted else self.config.shape
        about = f"inputs {self.config.inputs}, shape {shape}, seed {self.config.seed}"
        if not self.fitted:
            return f"<{type(self).__name__}, not fitted: {about}>"
        paid = "; ".join(f"{check.name} {check.reward:.2f}" for check in self.checks_)
        return f"<{type(self).__name__}, fitted to {len(self.held_out_novelty_):,} transitions: {about}\n pays {paid}>"

    def add_checks(self, checks: Sequence[Check]) -> None:
        """Keep further checks beside those of ``fit``, such as what policies earn in the environment."""
        self.checks_ = (*self.checks_, *checks)

    def save(self, path: str | Path) -> Path:
        """Write networks, standardiser, calibration, checks and provenance to one ``.safetensors`` file."""
        from rexd.tensors import write_tensors  # needs safetensors, which rexd.ding does without

        return write_tensors(path, "reward", *self.describe())

    def describe(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the model as plain JSON types and tensors; ``rebuild`` is the inverse."""
        fitted = self._fitted()
        held_out = self.held_out_novelty_, self.held_out_reward_
        known = self.checks_, *held_out, self.demonstrations_sha256_, self.horizon
        return describe(Saved(self.config, fitted, *known))

    @classmethod
    def rebuild(cls, source: str, content: dict[str, Any], tensors: dict[str, Tensor]) -> Self:
        """Build a model from what ``describe`` returned; ``source`` is the name of the file, for messages.

        Raises:
            RewardFileError: Something is missing, of a wrong shape, not finite, or of another version.
        """
        with rebuilding(source):
            check_version(source, content)
            check_type(source, content, cls.settings().type)
            config = cls.settings.from_dict(content["config"])
            encoder = rebuild_encoder(source, config, content, tensors)
            learnt = cls._rebuild_novelty(source, config, encoder, content, tensors)
            saved = rebuild(source, config, learnt, content, tensors)
        model = cls(config)
        model._take(saved)
        return model

    @classmethod
    @abstractmethod
    def _rebuild_novelty(
        cls, source: str, config: Any, encoder: Encoder, content: dict[str, Any], tensors: dict[str, Tensor]
    ) -> Novelty:
        """Rebuild what ``Novelty.describe`` returned.

        Args:
            source: The name of the file, for messages.
            config: The settings, of the class ``settings``.
            encoder: What gives the inputs.
            content: The description.
            tensors: The tensors by name.
        """

    def _take(self, saved: Saved) -> None:
        self.fitted_, self.checks_ = saved.fitted, saved.checks
        self.held_out_novelty_, self.held_out_reward_ = saved.held_out_novelty, saved.held_out_reward
        self.demonstrations_sha256_, self.horizon = saved.demonstrations_sha256, saved.horizon
        calibration, self.climbs = saved.fitted.calibration, saved.fitted.way is not None
        self.coverage, self.far = calibration.coverage, calibration.far or self.climbs  # older files have no ``far``

    def _fitted(self) -> Fitted:
        if not self.fitted:
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted; call fit(demonstrations), or rexd.load_reward(path)"
            )
        return self.fitted_

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load_reward`` has given this model its state."""
        return hasattr(self, "fitted_")

    @property
    def at_goal(self) -> bool:
        """Whether it pays for being at a goal, where the expert stays."""
        return self.encoder_.columns.goals is not None and self.horizon is None

    @property
    def sigma_(self) -> float:
        """Bandwidth σ of the reward's shape."""
        return self._fitted().sigma

    @property
    def calibration_(self) -> Calibration:
        """Held-out errors and anchors."""
        return self._fitted().calibration

    @property
    def encoder_(self) -> Encoder:
        """What gives the networks their inputs."""
        return self._fitted().encoder

    @property
    def mean_(self) -> Float32:
        """(C,) float32, means of the input columns that enter."""
        return self.encoder_.mean.numpy()

    @property
    def std_(self) -> Float32:
        """(C,) float32, standard deviations of the input columns that enter."""
        return self.encoder_.std.numpy()


@dataclass(frozen=True, eq=False)
class _Beside:
    """What is known beside the demonstrations: rows of the beginner, or the ways to goals at which the expert stays."""

    beginner: Rows | None
    spread: Demonstrations | None


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A novelty learnt with one way of weighting the columns, and their errors on known rows."""

    learnt: Novelty
    errors: KnownErrors
    calibration: Calibration


def _part_of(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Report one of several fits of equal length as a part of them all."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, parts * total)
