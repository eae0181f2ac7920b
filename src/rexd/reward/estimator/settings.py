"""The settings that every estimator of novelty has; they stand apart from PyTorch, so that help is quick."""

from __future__ import annotations

import math
from typing import ClassVar

from rexd.configs import Settings
from rexd.errors import RexdError
from rexd.reward.choices import INPUTS, SHAPES, Inputs, Shape


class EstimatorSettings(Settings):
    """What the settings of each estimator have in common; each declares these fields with its own defaults.

    Attributes:
        type: Tag of the estimator in settings and reward files.
        stateful: Whether a row's novelty depends on the rows before it in its episode.
        inputs: What the support is estimated on.
        clock: Whether the time since the start of the episode is an input too.
        shape: How the error becomes a reward.
        median_reward: Reward at the median error of held-out rows.
        sigma: Bandwidth of the shape; None calibrates it.
        folds: Largest number of parts that are held out in turns.
        seed: Seed of everything that is drawn.
    """

    label: ClassVar[str] = "reward"
    stateful: ClassVar[bool] = False
    type: str
    inputs: Inputs
    clock: bool
    shape: Shape
    median_reward: float
    sigma: float | None
    folds: int
    seed: int

    # These three are fields where an estimator has them to choose; the columns are weighed with the last two.
    @property
    def recipe(self) -> str:
        """The recipe by which it is fitted; RED alone has another than ``calibrated``."""
        return "calibrated"

    @property
    def batch_size(self) -> int:
        """Rows in a batch of each network."""
        return 128

    @property
    def learning_rate(self) -> float:
        """Initial step size of Adam."""
        return 1e-3

    def check_shared(self) -> None:
        """Refuse values of the shared settings that cannot work."""
        if self.inputs not in INPUTS:
            raise RexdError(f"inputs is {self.inputs!r}; expected one of {', '.join(INPUTS)}")
        if self.shape not in SHAPES:
            raise RexdError(f"shape is {self.shape!r}; expected one of {', '.join(SHAPES)}")
        if not 0.0 < self.median_reward < 1.0:
            raise RexdError(f"median_reward is {self.median_reward}; expected between 0 and 1, such as 0.5")
        if self.sigma is not None and not 0.0 < self.sigma < math.inf:
            raise RexdError(f"sigma is {self.sigma}; expected a positive number, or None to calibrate it")
        if self.folds < 2:
            raise RexdError(f"folds is {self.folds}; calibration needs at least 2")
        self.check_positive("batch_size", "learning_rate")
        if self.seed < 0:
            raise RexdError(f"seed is {self.seed}; expected 0 or more")

    def check_positive(self, *names: str) -> None:
        """Refuse values that are not positive."""
        for name in names:
            if not getattr(self, name) > 0:
                raise RexdError(f"{name} is {getattr(self, name)}; expected a positive number")

    def check_widths(self, *names: str) -> None:
        """Turn lists of widths, as JSON has them, into tuples, and refuse widths that are not positive."""
        for name in names:
            object.__setattr__(self, name, tuple(getattr(self, name)))
            if not all(width > 0 for width in getattr(self, name)):
                raise RexdError(f"{name} is {getattr(self, name)}; expected positive widths")

    def check_type(self, expected: str) -> None:
        """Refuse the tag of another estimator."""
        if self.type != expected:
            raise RexdError(f"reward type is {self.type!r}; expected {expected!r}")
