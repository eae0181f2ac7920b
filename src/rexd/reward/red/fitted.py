"""What RED learns: networks that were distilled on the demonstrations, whose error is the novelty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rexd.reward.estimator.fitted import Novelty
from rexd.reward.estimator.networks import squared_error
from rexd.reward.red.fitting import Networks


@dataclass(frozen=True, eq=False)
class Distilled(Novelty):
    """Targets and the predictors that were distilled from them; their difference is the novelty.

    Attributes:
        encoder: Gives the networks their inputs.
        target: Fixed random networks, one for each fold.
        predictor: Networks that imitate the targets on the demonstrations, one for each fold.
    """

    target: Networks
    predictor: Networks

    @property
    def models(self) -> int:
        """The number of pairs of networks."""
        return self.target.models

    def describe(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the number of pairs, and the weights."""
        networks = (("target", self.target), ("predictor", self.predictor))
        tensors = {f"{name}.{key}": value for name, net in networks for key, value in net.state_dict().items()}
        return {"models": self.models}, tensors

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """Return L of standardised inputs, differentiable in them: (batch, C) -> (batch,)."""
        return squared_error(self.target, self.predictor, x.expand(self.models, -1, -1)).mean(dim=0)
