"""The settings of RED's rivals; they stand apart from PyTorch, so that help is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from rexd.errors import RexdError
from rexd.reward.choices import Inputs, Shape
from rexd.reward.estimator.settings import EstimatorSettings


@dataclass(frozen=True)
class RivalConfig(EstimatorSettings):
    """What the settings of every rival hold; their defaults are those of RED."""

    name: ClassVar[str]
    """The tag of the estimator."""

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
    """Largest number of parts of the trajectories that are held out in turns, to calibrate the reward on them."""
    seed: int = 0
    """Seed of everything that is drawn. The same seed gives the same reward, bit for bit."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        self.check_type(self.name)
        self.check_shared()


@dataclass(frozen=True)
class NearestNeighbourConfig(RivalConfig):
    """Settings of ``NearestNeighbour``."""

    name: ClassVar[str] = "nearest-neighbour"
    type: Literal["nearest-neighbour"] = "nearest-neighbour"
    """Tag of the model in configuration and reward files."""
    k: int = 1
    """Number of the nearest demonstrated rows whose mean distance is the error."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        super().__post_init__()
        self.check_positive("k")


@dataclass(frozen=True)
class AutoencoderConfig(RivalConfig):
    """Settings of ``Autoencoder``."""

    name: ClassVar[str] = "autoencoder"
    type: Literal["autoencoder"] = "autoencoder"
    """Tag of the model in configuration and reward files."""
    layers: tuple[int, ...] = (512,)
    """Widths of the hidden layers before the code; those after it are the same in reverse."""
    code: int | None = None
    """Width of the code, the narrowest layer. None takes half as many as there are input columns."""
    updates: int = 1000
    """Gradient steps of the fit."""
    batch_size: int = 128
    """Rows in a batch of each network."""
    learning_rate: float = 1e-3
    """Initial step size of Adam, decayed linearly to zero."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        super().__post_init__()
        self.check_widths("layers")
        self.check_positive("updates")
        if self.code is not None and self.code < 1:
            raise RexdError(f"code is {self.code}; expected 1 or more, or None for half of the columns")


@dataclass(frozen=True)
class KernelPCAConfig(RivalConfig):
    """Settings of ``KernelPCA``."""

    name: ClassVar[str] = "kernel-pca"
    type: Literal["kernel-pca"] = "kernel-pca"
    """Tag of the model in configuration and reward files."""
    landmarks: int = 2000
    """Largest number of rows that span the subspace; of more demonstrations that many are drawn (Nyström)."""
    kept: float = 0.99
    """Share of the demonstrations' spread in feature space that the subspace keeps."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        super().__post_init__()
        self.check_positive("landmarks")
        if not 0.0 < self.kept < 1.0:
            raise RexdError(f"kept is {self.kept}; expected between 0 and 1, such as 0.99")


@dataclass(frozen=True)
class PWILConfig(RivalConfig):
    """Settings of ``PWIL``."""

    name: ClassVar[str] = "pwil"
    stateful: ClassVar[bool] = True
    type: Literal["pwil"] = "pwil"
    """Tag of the model in configuration and reward files."""
