"""The settings of a RED reward model: plain data, apart from the model that they configure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self, TypedDict, get_args

from rexd.errors import RexdError
from rexd.reward.choices import Inputs, Shape
from rexd.reward.estimator.settings import EstimatorSettings

Recipe = Literal["calibrated", "paper"]
PAPER_WIDTHS = {"HalfCheetah": 20, "Reacher": 20}
PAPER_SIGMAS = {"HalfCheetah": 25_000.0, "Reacher": 2_500.0}
PAPER_EPOCHS = {"Reacher": 300}


@dataclass(frozen=True)
class REDConfig(EstimatorSettings):
    """Settings of ``rexd.RED``; the defaults are those of ``rexd train``."""

    type: Literal["red"] = "red"
    """Tag of the model in configuration and reward files."""
    recipe: Recipe = "calibrated"
    """calibrated: inputs standardised, an ensemble over folds. paper: as in the authors' code, raw inputs, one model
    fitted to all rows (``folds`` has no effect), leaky ReLU, Glorot weights, a constant step size; it needs the
    exponential shape and a ``sigma`` set by hand, as no rows are left to calibrate on."""
    inputs: Inputs = "state-action"
    """What the support is estimated on: (s, a), s alone, or (s, s')."""
    clock: bool = True
    """Whether the time since the start of the episode is an input too. Demonstrations stand still only at their
    start."""
    shape: Shape = "logarithmic"
    """How the error becomes a reward: logarithmic (linear where an expert stays at its goal), linear, rational or
    exponential (formulas: docs/reward.md)."""
    median_reward: float = 0.5
    """Reward at the median error of held-out rows; the exponential and the rational shape use it."""
    sigma: float | None = None
    """Bandwidth σ of the shape; None calibrates it on held-out rows."""
    folds: int = 5
    """Largest number of models. Each is fitted without one part of the trajectories and calibrated on that part."""
    target_layers: tuple[int, ...] = (512, 512)
    """Widths of the hidden layers of the random target networks."""
    predictor_layers: tuple[int, ...] = (512,)
    """Widths of the hidden layers of the predictors, which are shallower than the targets so that they cannot copy
    them everywhere."""
    outputs: int = 128
    """Output width of targets and predictors; the error is averaged over the outputs."""
    updates: int = 1000
    """Gradient steps of the fit. They are few on purpose: rare rows, such as the first of an episode, stay a little
    novel."""
    batch_size: int = 128
    """Rows in a batch of each model."""
    learning_rate: float = 1e-3
    """Initial step size of Adam, decayed linearly to zero."""
    seed: int = 0
    """Seed of the networks and of the batches. The same seed gives the same reward, bit for bit."""

    @classmethod
    def paper(cls, task: str, rows: int, *, seed: int = 0) -> Self:
        """The reward of the paper's own experiments (Wang et al. 2019; github.com/RuohanW/RED, ``mujoco_main.py``).

        Networks of 4 and 1 hidden layers, of 128 units; of 20 on Reacher and HalfCheetah. σ is 250,000; 25,000 on
        HalfCheetah and 2,500 on Reacher. Adam with 1e-3 on batches of 32 for 200 epochs, 300 on Reacher.

        Args:
            task: Hopper, HalfCheetah, Walker2d, Ant or Reacher; a version such as ``-v5`` may follow. Other tasks get
                the first of the values above, as in the authors' code.
            rows: Number of demonstrated transitions; epochs are counted in updates here.
            seed: Seed of the networks and of the batches.
        """
        name, batch_size = task.partition("-")[0], 32
        width = PAPER_WIDTHS.get(name, 128)
        return cls(
            recipe="paper",
            clock=False,
            shape="exponential",
            sigma=PAPER_SIGMAS.get(name, 250_000.0),
            target_layers=(width,) * 4,
            predictor_layers=(width,),
            updates=PAPER_EPOCHS.get(name, 200) * math.ceil(rows / batch_size),
            batch_size=batch_size,
            seed=seed,
        )

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        self.check_type("red")
        self.check_shared()
        if self.recipe not in get_args(Recipe):
            raise RexdError(f"recipe is {self.recipe!r}; expected one of {', '.join(get_args(Recipe))}")
        if self.recipe == "paper" and (self.shape != "exponential" or self.sigma is None):
            raise RexdError(
                f"recipe is 'paper' with shape {self.shape!r} and sigma {self.sigma}; expected shape 'exponential' and "
                "a number, such as 250000 (docs/methods.md has the paper's for each task)"
            )
        self.check_widths("target_layers", "predictor_layers")
        self.check_positive("outputs", "updates")


class REDSettings(TypedDict, total=False):
    """The fields of ``REDConfig`` as keyword arguments, for type checkers."""

    type: Literal["red"]
    recipe: Recipe
    inputs: Inputs
    clock: bool
    shape: Shape
    median_reward: float
    sigma: float | None
    folds: int
    target_layers: tuple[int, ...]
    predictor_layers: tuple[int, ...]
    outputs: int
    updates: int
    batch_size: int
    learning_rate: float
    seed: int
