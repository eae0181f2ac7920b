"""The networks of a saved RED: read into skeletons that are built from its settings, with every shape checked."""

from __future__ import annotations

from torch import Tensor

from rexd.errors import RewardFileError
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.serialise import take
from rexd.reward.image_encoder import pixels_shape
from rexd.reward.red.config import REDConfig
from rexd.reward.red.fitted import Distilled
from rexd.reward.red.fitting import make_networks, network_shapes


def rebuild_networks(
    source: str, config: REDConfig, encoder: Encoder, n_models: int, tensors: dict[str, Tensor]
) -> Distilled:
    """Fill skeletons that are built from the configuration, once every tensor has the shape that it asks for."""
    if n_models < 1:
        raise RewardFileError(f"{source}: models is {n_models}; expected 1 or more. Fit the reward anew")
    pixels = pixels_shape(encoder.columns) if encoder.columns.image else None
    kept_columns = len(encoder.kept)
    states = {
        name: {key: take(source, tensors, f"{name}.{key}", shape) for key, shape in shapes}
        for name, shapes in network_shapes(config, kept_columns, n_models, pixels).items()
    }
    networks = make_networks(config, kept_columns, n_models, pixels)
    for (name, state), network in zip(states.items(), networks, strict=True):
        if pixels is not None and not bool(state["std"] > 0.0):
            raise RewardFileError(f"{source}: {name}.std is not positive; fit the reward anew")
        network.load_state_dict(state)
        network.requires_grad_(False)
    return Distilled(encoder, *networks)
