"""RED: a reward from the support of the expert's behaviour (Wang et al., ICML 2019, arXiv 1905.06750)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.known_next import with_known_next
from rexd.demos.other_goals import rows_for_goals
from rexd.demos.states_alone import check_inputs
from rexd.errors import DemonstrationError, NotFittedError, RexdError
from rexd.progress import Progress
from rexd.reward.base import RewardModel
from rexd.reward.beginner import coverage, least_spread
from rexd.reward.calibration import Calibration, KnownErrors, calibrate, known_errors
from rexd.reward.checks import Check, check_reward
from rexd.reward.columns import InputColumns
from rexd.reward.encoder import Encoder, at_goal_encoder
from rexd.reward.ends import horizon_of
from rexd.reward.image_encoder import ImageEncoder, pixels_shape
from rexd.reward.red.between_episodes import column_relevance
from rexd.reward.red.config import REDConfig, REDSettings
from rexd.reward.red.convolutions import EnsembleCNN
from rexd.reward.red.fitted import Distilled, FittedRED
from rexd.reward.red.fitting import Networks, distil, make_networks
from rexd.reward.red.folds import assign_folds
from rexd.reward.red.networks import in_blocks, squared_error
from rexd.reward.red.predictability import action_predictability
from rexd.reward.red.serialise import SavedRED, describe_reward, rebuild_reward
from rexd.reward.rows import Float32, Rows
from rexd.reward.shapes import sigma_at_median

if TYPE_CHECKING:
    from rexd.reading.anything import DemonstrationsLike

NOTABLE = 0.5  # relevance below which weighting columns is tried
GAIN = 0.1  # in ``Calibration.separation``; with a smaller gain, the columns stay as they are


class RED(RewardModel):
    """Random EXpert Distillation, standardised, calibrated on held-out rows, and an ensemble over folds.

    Each fold has a random target network and a predictor that is distilled from it on the demonstrations outside
    the fold. Their mean squared difference L is small on the expert's support and large off it. The reward is a
    decreasing function of L (``rexd.reward.shapes``), whose scale is measured on rows that a model never saw.

    Support is not density: a state in the middle of the data, such as standing still, can look like the expert's.
    ``checks_`` holds what the reward pays there.

    Attributes:
        config: The settings.
        fitted_: The networks and the scale that were learnt.
        checks_: What the reward pays for rows of known kinds.
        held_out_novelty_: (N,) float32, the error of each demonstrated row by the model that never saw it; with the
            paper's recipe, which holds nothing out, by the model that was fitted to it. Where there are goals, the rows
            are those of ``rexd.demos.other_goals.rows_for_goals``.
        demonstrations_sha256_: Hash of the demonstrations.
    """

    fitted_: FittedRED
    checks_: tuple[Check, ...]
    held_out_novelty_: Float32
    demonstrations_sha256_: str

    def __init__(self, config: REDConfig | None = None, **settings: Unpack[REDSettings]) -> None:
        """Take a configuration, or its fields by name: ``RED(seed=0, shape="rational")``.

        Raises:
            RexdError: A name is unknown, or a value is out of range.
        """
        self.config = (config or REDConfig()).with_changes(settings)
        self.clock = self.config.clock

    def fit(
        self,
        demonstrations: DemonstrationsLike,
        progress: Progress | None = None,
        *,
        velocity_columns: Sequence[int] | None = None,
        beginner: Rows | None = None,
    ) -> Self:
        """Distil, calibrate and check.

        Args:
            demonstrations: At least 8 transitions: ``Demonstrations``, whose ``unused`` rows check the calibration; a
                path; a pair ``(observations, actions)``; or anything else that
                ``rexd.reading.anything.demonstrations_of`` takes. Of a file that is larger than memory 50,000
                transitions are drawn.
            progress: Called with the number of updates done and in all.
            velocity_columns: Observation columns that are velocities; with them the worst standstill is checked.
            beginner: Rows of the policy that learning begins with, which set the least scale
                (``rexd.reward.beginner``). Without them the demonstrations' spread is the only scale.

        Raises:
            DemonstrationError: There are too few rows, no column varies, or these are no demonstrations.
        """
        demonstrations = _demonstrations(demonstrations, self.config.seed)
        check_inputs(demonstrations, self.config.inputs)
        sha256, horizon = demonstrations.sha256, horizon_of(demonstrations)
        demonstrations, spread = rows_for_goals(demonstrations, stays=horizon is None)
        known = np.ones(demonstrations.n_transitions, bool)
        if self.config.inputs == "state-next-state":
            known = demonstrations.transitions().next_known
            demonstrations = _with_known_next(demonstrations)
        if spread is not None or demonstrations.image or self.config.recipe == "paper":
            beginner = None  # what it would widen has a scale: all ways, or all pixels; the paper looks at neither
        best = self._best_candidate(demonstrations, _Beside(beginner, spread), progress)
        calibration, distilled = best.calibration, best.distilled
        sigma = self.config.sigma or sigma_at_median(self.config.shape, calibration.median, self.config.median_reward)
        fitted = FittedRED(
            distilled.encoder, distilled.target, distilled.predictor, self.config.shape, sigma, calibration
        )
        held_out = np.full(len(known), calibration.median, np.float32)
        held_out[known] = best.errors.held_out  # a row without a next observation counts as a median one
        errors = replace(best.errors, held_out=held_out)
        checks = check_reward(fitted, errors, demonstrations, self.config.seed, velocity_columns)
        self._take(SavedRED(self.config, fitted, checks, held_out, sha256, horizon))
        return self

    def _best_candidate(self, demonstrations: Demonstrations, beside: _Beside, progress: Progress | None) -> _Candidate:
        """Fit a model for each way of weighting the columns, and return the one that separates best."""
        spread = beside.spread
        clock = self.config.clock and spread is None  # staying at a goal is worth the same at any time
        columns = InputColumns.of(demonstrations, self.config.inputs, clock=clock)
        rows = demonstrations.transitions()
        known = Rows.of_transitions(rows)
        raw = columns.concatenate(known)
        if self.config.recipe == "paper":
            fold = np.full(len(raw), -1)  # none is held out
        else:
            fold = assign_folds(rows.trajectory, self.config.folds)
        if columns.image:
            found: list[Encoder] = [self._image_encoder(columns, known)]
        elif spread is not None and self.config.recipe != "paper":
            way = columns.concatenate(Rows.of_transitions(spread.transitions()))
            found = [at_goal_encoder(columns, raw, way, _reach(demonstrations))]
        else:
            least = None if beside.beginner is None else least_spread(columns, beside.beginner)
            found = self._encoders(columns, raw, rows.trajectory, fold, least)
        encoders = [encoder for encoder in found if encoder.describes_rows]
        if not encoders:
            raise DemonstrationError(f"{demonstrations.source}: no column varies; there is nothing to learn from")
        best: _Candidate | None = None
        for number, encoder in enumerate(encoders):
            part = _part_of(progress, number, len(encoders))
            x = encoder.standardise(encoder.raw(known))
            candidate = self._candidate(demonstrations, encoder, x, fold, beside, part)
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
        if self.config.recipe == "paper":
            return [Encoder.fit(columns, raw, standardised=False)]
        weights = [self._predictability(columns, raw, fold)]
        relevance = column_relevance(raw, torch.from_numpy(trajectory))
        if bool((relevance < NOTABLE).any()):
            weights.append(weights[0] * relevance)
        return [Encoder.fit(columns, raw, relevance=weight, least=least) for weight in weights]

    def _image_encoder(self, columns: InputColumns, rows: Rows) -> Encoder:
        """Return the encoder of images, of which there are no columns to weigh."""
        if self.config.recipe == "paper":
            raise RexdError("recipe='paper' takes columns, and these observations are images; use recipe='calibrated'")
        if bool((rows.obs == rows.obs[0]).all()):
            raise DemonstrationError("all images are the same; there is nothing to learn from. Record them again")
        return ImageEncoder.of_rows(columns, rows)

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
        encoder: Encoder,
        x: Tensor,
        fold: NDArray[np.int64],
        beside: _Beside,
        progress: Progress | None,
    ) -> _Candidate:
        """Distil the models of all folds on encoded rows ``x`` (N, C), and calibrate them."""
        n_models = max(int(fold.max()) + 1, 1)
        if isinstance(encoder, ImageEncoder):
            networks = make_networks(self.config, len(encoder.kept), n_models, pixels_shape(encoder.columns))
        else:
            networks = make_networks(self.config, x.shape[1], n_models)
        target, predictor = networks
        for network in networks:
            if isinstance(network, EnsembleCNN):
                network.standardise(x)
        distil(target, predictor, x, fold, self.config, progress)
        distilled = Distilled(encoder, target, predictor)
        by_model = in_blocks(lambda block: squared_error(target, predictor, block), x, n_models)
        held_out = by_model[torch.from_numpy(fold), torch.arange(len(x))].numpy()
        errors = known_errors(
            demonstrations,
            held_out,
            distilled.novelty,
            self.config.seed,
            elsewhere=beside.spread,
            beginner=beside.beginner,
        )
        return _Candidate(distilled, errors, calibrate(errors))

    def novelty_of(self, rows: Rows) -> Float32:
        """Return the error L of each row, averaged over the models of the folds: (batch,) float32."""
        return self._fitted().novelty(rows)

    def reward_of(self, rows: Rows) -> Float32:
        """Return the reward of each row: (batch,) float32 in [0, 1]."""
        fitted = self._fitted()
        return fitted.reward_of_novelty(fitted.novelty(rows))

    def reward_of_novelty(self, novelty: Float32) -> Float32:
        """Apply the calibrated shape to errors: (batch,) -> (batch,) float32 in [0, 1]."""
        return self._fitted().reward_of_novelty(novelty)

    def __repr__(self) -> str:
        """Tell the settings, and for a fitted model what it pays."""
        about = f"inputs {self.config.inputs}, shape {self.config.shape}, seed {self.config.seed}"
        if not self.fitted:
            return f"<RED, not fitted: {about}>"
        paid = "; ".join(f"{check.name} {check.reward:.2f}" for check in self.checks_)
        return f"<RED, fitted to {len(self.held_out_novelty_):,} transitions: {about}\n pays {paid}>"

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
        known = self.checks_, self.held_out_novelty_, self.demonstrations_sha256_, self.horizon
        return describe_reward(SavedRED(self.config, fitted, *known))

    @classmethod
    def rebuild(cls, source: str, content: dict[str, Any], tensors: dict[str, Tensor]) -> Self:
        """Build a model from what ``describe`` returned; ``source`` is the name of the file, for messages.

        Raises:
            RewardFileError: Something is missing, of a wrong shape, not finite, or of another version.
        """
        saved = rebuild_reward(source, content, tensors)
        model = cls(saved.config)
        model._take(saved)
        return model

    def _take(self, saved: SavedRED) -> None:
        self.fitted_, self.checks_ = saved.fitted, saved.checks
        self.held_out_novelty_, self.demonstrations_sha256_ = saved.held_out_novelty, saved.demonstrations_sha256
        self.horizon, self.coverage = saved.horizon, saved.fitted.calibration.coverage

    def _fitted(self) -> FittedRED:
        if not self.fitted:
            raise NotFittedError("this RED is not fitted; call fit(demonstrations), or rexd.load_reward(path)")
        return self.fitted_

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load_reward`` has given this model its state."""
        return hasattr(self, "fitted_")

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
    def target_(self) -> Networks:
        """The fixed random networks."""
        return self._fitted().target

    @property
    def predictor_(self) -> Networks:
        """The networks that were distilled from the targets."""
        return self._fitted().predictor

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
    """Networks fitted to one way of weighting the columns, and their errors on known rows."""

    distilled: Distilled
    errors: KnownErrors
    calibration: Calibration


def _reach(demonstrations: Demonstrations) -> Tensor | None:
    """Return how far actions reach from the middle to a bound: (A,) float32; None where no bounds are known."""
    if demonstrations.action_bounds is None:
        return None
    low, high = demonstrations.action_bounds
    return torch.from_numpy(((high - low) / 2.0).astype(np.float32))


def _demonstrations(given: DemonstrationsLike, seed: int) -> Demonstrations:
    """Return what ``fit`` was given as demonstrations; only what is none yet needs the packages that read files."""
    if isinstance(given, Demonstrations):
        return given
    from rexd.reading.anything import demonstrations_of

    return demonstrations_of(given).held(seed)


def _part_of(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Report one of several fits of equal length as a part of them all."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, parts * total)


def _with_known_next(demonstrations: Demonstrations) -> Demonstrations:
    kept = with_known_next(demonstrations)
    if kept is None:
        raise DemonstrationError(
            f"{demonstrations.source}: no row has a recorded next observation; use inputs='state-action' or 'state'"
        )
    return kept
