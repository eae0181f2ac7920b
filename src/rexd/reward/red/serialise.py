"""The networks of a saved RED: read into skeletons that are built from its settings, with every shape checked."""

from __future__ import annotations

from torch import Tensor

from rexd.errors import RewardFileError
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.serialise import take
from rexd.reward.image_encoder import pixels_shape
from rexd.reward.red.config import REDConfig
from rexd.reward.red.convolutions import feature_count, kernel_shapes
from rexd.reward.red.fitted import Distilled
from rexd.reward.red.fitting import make_networks


def rebuild_networks(
    source: str, config: REDConfig, encoder: Encoder, n_models: int, tensors: dict[str, Tensor]
) -> Distilled:
    """Fill skeletons that are built from the configuration, checking every shape."""
    pixels = pixels_shape(encoder.columns) if encoder.columns.image else None
    kept_columns = len(encoder.kept)
    if pixels is not None:  # before anything is allocated by the size of an image that the file merely claims
        first = config.target_layers[0] if config.target_layers else config.outputs
        take(source, tensors, "target.dense.weights.0", (n_models, feature_count(pixels) + kept_columns, first))
        take(source, tensors, "target.kernels.0", (n_models, kernel_shapes(pixels)[0][1], pixels[0], 3, 3))
    networks = make_networks(config, kept_columns, n_models, pixels)
    for name, network in zip(("target", "predictor"), networks, strict=True):
        state = {
            key: take(source, tensors, f"{name}.{key}", tuple(value.shape))
            for key, value in network.state_dict().items()
        }
        if pixels is not None and not bool(state["std"] > 0.0):
            raise RewardFileError(f"{source}: {name}.std is not positive; fit the reward anew")
        network.load_state_dict(state)
        network.requires_grad_(False)
    return Distilled(encoder, *networks)
