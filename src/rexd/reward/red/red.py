"""RED: a reward from the support of the expert's behaviour (Wang et al., ICML 2019, arXiv 1905.06750)."""

from __future__ import annotations

from typing import Any, Unpack, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.errors import DemonstrationError, RexdError
from rexd.progress import Progress
from rexd.reward.columns import InputColumns
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.estimator.fitted import Novelty
from rexd.reward.estimator.given import EncodedRows
from rexd.reward.estimator.networks import in_blocks, squared_error
from rexd.reward.image_encoder import ImageEncoder, pixels_shape
from rexd.reward.red.config import REDConfig, REDSettings
from rexd.reward.red.convolutions import EnsembleCNN
from rexd.reward.red.fitted import Distilled
from rexd.reward.red.fitting import Networks, distil, make_networks
from rexd.reward.red.serialise import rebuild_networks
from rexd.reward.rows import Float32, Rows


class RED(Estimator):
    """Random EXpert Distillation, standardised, calibrated on held-out rows, and an ensemble over folds.

    Each fold has a random target network and a predictor that is distilled from it on the demonstrations outside
    the fold. Their mean squared difference L is small on the expert's support and large off it. The reward is a
    decreasing function of L (``rexd.reward.shapes``), whose scale is measured on rows that a model never saw.

    Support is not density: a state in the middle of the data, such as standing still, can look like the expert's.
    ``checks_`` holds what the reward pays there.
    """

    config: REDConfig
    settings = REDConfig

    def __init__(self, config: REDConfig | None = None, **settings: Unpack[REDSettings]) -> None:
        """Take a configuration, or its fields by name: ``RED(seed=0, shape="rational")``.

        Raises:
            RexdError: A name is unknown, or a value is out of range.
        """
        super().__init__((config or REDConfig()).with_changes(settings))

    def _folds(self, trajectory: NDArray[np.int64]) -> NDArray[np.int64]:
        """Assign a fold to each row; with the paper's recipe none is held out."""
        return np.full(len(trajectory), -1) if self.config.recipe == "paper" else super()._folds(trajectory)

    def _encoders(
        self,
        columns: InputColumns,
        raw: Tensor,
        trajectory: NDArray[np.int64],
        fold: NDArray[np.int64],
        least: Tensor | None,
    ) -> list[Encoder]:
        """Return the encoders to try; the paper's recipe takes raw columns."""
        if self.config.recipe == "paper":
            return [Encoder.fit(columns, raw, standardised=False)]
        return super()._encoders(columns, raw, trajectory, fold, least)

    def _image_encoder(self, columns: InputColumns, rows: Rows) -> Encoder:
        """Return the encoder of images, of which there are no columns to weigh."""
        if self.config.recipe == "paper":
            raise RexdError("recipe='paper' takes columns, and these observations are images; use recipe='calibrated'")
        if bool((rows.obs == rows.obs[0]).all()):
            raise DemonstrationError("all images are the same; there is nothing to learn from. Record them again")
        return ImageEncoder.of_rows(columns, rows)

    def _learn(self, training: EncodedRows, progress: Progress | None) -> tuple[Novelty, Float32]:
        """Distil the models of all folds."""
        encoder, x, n_models = training.encoder, training.x, training.models
        if isinstance(encoder, ImageEncoder):
            networks = make_networks(self.config, len(encoder.kept), n_models, pixels_shape(encoder.columns))
        else:
            networks = make_networks(self.config, x.shape[1], n_models)
        target, predictor = networks
        for network in networks:
            if isinstance(network, EnsembleCNN):
                network.standardise(x)
        distil(target, predictor, x, training.fold, self.config, progress)
        by_model = in_blocks(lambda block: squared_error(target, predictor, block), x, n_models)
        held_out: Float32 = by_model[torch.from_numpy(training.fold), torch.arange(len(x))].numpy()
        return Distilled(encoder, target, predictor), held_out

    @classmethod
    def _rebuild_novelty(
        cls, source: str, config: Any, encoder: Encoder, content: dict[str, Any], tensors: dict[str, Tensor]
    ) -> Novelty:
        """Rebuild the networks."""
        return rebuild_networks(source, config, encoder, int(content["models"]), tensors)

    @property
    def _distilled(self) -> Distilled:
        return cast("Distilled", self._fitted().learnt)

    @property
    def target_(self) -> Networks:
        """The fixed random networks."""
        return self._distilled.target

    @property
    def predictor_(self) -> Networks:
        """The networks that were distilled from the targets."""
        return self._distilled.predictor
