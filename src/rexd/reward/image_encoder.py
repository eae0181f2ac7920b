"""Inputs of networks that look at images: pixels as bytes, beside standardised actions and time.

A row is packed into bytes: first its pixels, then the float32 of its other columns. Data sets of images stay
as small as they are, and networks turn the batch that they are given into numbers. An ONNX graph cannot read numbers
from bytes: there a packed row is float32 throughout.
"""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.reward.columns import InputColumns
from rexd.reward.encoder import Encoder
from rexd.reward.rows import Rows

Bytes = NDArray[np.uint8]


def pixels_shape(columns: InputColumns) -> tuple[int, int, int]:
    """Return the (channels, height, width) that networks see; with s and s', the channels of both."""
    height, width, channels = columns.image
    return channels * (2 if columns.inputs == "state-next-state" else 1), height, width


def unpack(packed: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
    """Split packed rows (..., bytes) into pixels (..., pixels) in their dtype and columns (..., C) float32."""
    seen, columns = packed[..., :pixels], packed[..., pixels:]
    return seen, columns if packed.is_floating_point() else columns.contiguous().view(torch.float32)


def _pack(pixels: Tensor, columns: Tensor) -> Tensor:
    return torch.cat([pixels, columns if pixels.is_floating_point() else columns.contiguous().view(torch.uint8)], dim=1)


class ImageEncoder(Encoder):
    """Packs images with the standardised other columns; the networks standardise the pixels of a batch themselves."""

    @classmethod
    def of_rows(cls, columns: InputColumns, rows: Rows) -> ImageEncoder:
        """Take mean and standard deviation of the columns beside the images."""
        raw = columns.concatenate(rows)
        beside = Encoder.fit(columns, raw, standardised=raw.shape[1] > 0)  # there may be no other columns
        return cls(**{item.name: getattr(beside, item.name) for item in fields(beside)})

    @property
    def pixels(self) -> int:
        """The number of bytes of a row that are pixels."""
        return math.prod(pixels_shape(self.columns))

    @property
    def describes_rows(self) -> bool:
        """Whether anything but the clock enters: images do."""
        return True

    def raw(self, rows: Rows) -> Tensor:
        """Return packed rows (batch, bytes), whose columns are not standardised yet."""
        images = [rows.obs]
        if self.columns.inputs == "state-next-state" and rows.next_obs is not None:
            images.append(rows.next_obs)
        seen: Bytes = np.concatenate([image.transpose(0, 3, 1, 2) for image in images], axis=1)
        return _pack(torch.from_numpy(seen.reshape(len(rows), -1)), super().raw(rows))

    def standardise(self, raw: Tensor) -> Tensor:
        """Standardise the columns of packed rows: (batch, bytes) -> (batch, bytes)."""
        pixels, columns = unpack(raw, self.pixels)
        return _pack(pixels, super().standardise(columns))
