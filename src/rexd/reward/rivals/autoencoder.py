"""The error of an autoencoder, with which the RED paper compares itself (Wang et al. 2019, arXiv 1905.06750)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rexd.progress import Progress
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.fitted import Novelty
from rexd.reward.estimator.given import EncodedRows
from rexd.reward.estimator.networks import EnsembleMLP, in_blocks, layer_shapes
from rexd.reward.estimator.regression import Descent, regress
from rexd.reward.estimator.serialise import take
from rexd.reward.rivals.rival import Rival, RivalNovelty
from rexd.reward.rivals.settings import AutoencoderConfig
from rexd.reward.rows import Float32


@dataclass(frozen=True, eq=False)
class Reconstruction(RivalNovelty):
    """Networks that give their inputs back through a narrow layer; their mean squared error is the novelty.

    Attributes:
        encoder: Gives standardised inputs.
        networks: One for each fold.
    """

    networks: EnsembleMLP

    def by_model(self, x: Tensor) -> Tensor:
        """Return the error of each network: (n_models, batch, C) -> (n_models, batch)."""
        error: Tensor = (self.networks(x) - x).square().mean(dim=-1)
        return error

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """Return the mean error of the networks: (batch, C) -> (batch,)."""
        return self.by_model(x.expand(self.networks.models, -1, -1)).mean(dim=0)

    def describe(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the number of networks, and their weights."""
        return {"models": self.networks.models}, {f"networks.{k}": v for k, v in self.networks.state_dict().items()}


class Autoencoder(Rival):
    """A reward that falls with the error of networks that learnt to give back demonstrated rows through a narrow layer.

    What lies off the demonstrations is given back badly, unless the networks learnt to copy everything: the wider the
    code, the more they copy.
    """

    settings = AutoencoderConfig
    config: AutoencoderConfig

    def _learn(self, training: EncodedRows, progress: Progress | None) -> tuple[Novelty, Float32]:
        """Fit a network for each fold."""
        config, x, fold, n_models = self.config, training.x, training.fold, training.models
        learnt = Reconstruction(training.encoder, _networks(config, x.shape[1], n_models))
        descent = Descent(config.updates, config.batch_size, config.learning_rate, config.seed)
        regress(learnt.networks, x, x.expand(n_models, -1, -1), fold, descent, progress)
        errors = in_blocks(learnt.by_model, x, n_models)
        held_out: Float32 = errors[torch.from_numpy(fold), torch.arange(len(x))].numpy()
        return learnt, held_out

    @classmethod
    def _rebuild_novelty(
        cls, source: str, config: Any, encoder: Encoder, content: dict[str, Any], tensors: dict[str, Tensor]
    ) -> Novelty:
        """Fill networks that are built from the settings."""
        n_models, columns = int(content["models"]), len(encoder.kept)
        if n_models < 1:
            raise ValueError(f"{n_models} models; expected 1 or more")
        shapes = layer_shapes(_widths(config, columns), n_models)
        state = {key: take(source, tensors, f"networks.{key}", shape) for key, shape in shapes}
        networks = _networks(config, columns, n_models)
        networks.load_state_dict(state)
        return Reconstruction(encoder, networks.requires_grad_(False))


def _widths(config: AutoencoderConfig, columns: int) -> tuple[int, ...]:
    code = config.code or max(columns // 2, 1)
    return (columns, *config.layers, code, *config.layers[::-1], columns)


def _networks(config: AutoencoderConfig, columns: int, n_models: int) -> EnsembleMLP:
    return EnsembleMLP(_widths(config, columns), n_models, torch.Generator().manual_seed(config.seed))
