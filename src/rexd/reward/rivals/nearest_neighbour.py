"""The distance to the nearest demonstrated rows (Ciosek 2022, "Imitation learning by RL", arXiv 2109.03501)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rexd.errors import DemonstrationError
from rexd.progress import Progress
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.fitted import Novelty
from rexd.reward.estimator.given import EncodedRows
from rexd.reward.estimator.serialise import take
from rexd.reward.rivals.neighbours import EXACT_ROWS, Index, distances, index_of, lists_of
from rexd.reward.rivals.rival import Rival, RivalNovelty
from rexd.reward.rivals.settings import NearestNeighbourConfig
from rexd.reward.rows import Float32

BLOCK = 1024  # rows that are searched at once


@dataclass(frozen=True, eq=False)
class Neighbours(RivalNovelty):
    """Demonstrated rows, in parts that are held out in turns.

    The error is the mean over the parts of the mean distance to the k nearest rows outside the part: as with the other
    estimators, it is the mean over models that were each fitted without one part.

    Attributes:
        encoder: Gives standardised inputs.
        rows: (N, C) standardised demonstrated rows, ordered by part.
        sizes: The number of rows of each part.
        k: The number of neighbours.
        indices: What finds neighbours in each part.
    """

    rows: Tensor
    sizes: tuple[int, ...]
    k: int
    indices: tuple[Index, ...]

    @classmethod
    def of(
        cls, encoder: Encoder, rows: Tensor, sizes: tuple[int, ...], k: int, centres: Tensor | None, seed: int
    ) -> Neighbours:
        """Make the indices of the parts; ``centres`` are those of a saved index, None finds them from the seed."""
        approximate = len(rows) > EXACT_ROWS
        known = [None] * len(sizes) if centres is None else torch.split(centres, [lists_of(size) for size in sizes])
        found = [
            index_of(part, k, seed, approximate=approximate, centres=own)
            for part, own in zip(torch.split(rows, list(sizes)), known, strict=True)
        ]
        return cls(encoder, rows, sizes, k, tuple(found))

    def by_part(self, x: Tensor) -> Tensor:
        """Return the error by the rows outside each part, differentiable in ``x``: (batch, C) -> (parts, batch)."""
        near = [distances(index, x) for index in self.indices]  # of each part: (batch, up to k)
        others = [torch.cat(near[:number] + near[number + 1 :], dim=1) for number in range(len(near))]
        return torch.stack([each.topk(self.k, dim=1, largest=False).values.mean(dim=1) for each in others])

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """Return the mean distance to the nearest rows: (batch, C) -> (batch,)."""
        return self.by_part(x).mean(dim=0)

    def describe(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the rows, the sizes of their parts, and the centres of an approximate index."""
        tensors = {"neighbours.rows": self.rows}
        centres = [index.centres for index in self.indices if index.centres is not None]
        if centres:
            tensors["neighbours.centres"] = torch.cat(centres)
        return {"parts": list(self.sizes)}, tensors


class NearestNeighbour(Rival):
    """A reward that falls with the distance to the nearest demonstrated rows.

    It needs no training, and no setting beside k. All demonstrated rows are kept, and a query is as slow as a search
    among them: exact below 50,000 rows, with an inverted file of faiss (extra ``neighbours``) beyond.
    """

    settings = NearestNeighbourConfig
    config: NearestNeighbourConfig

    def _learn(self, training: EncodedRows, progress: Progress | None) -> tuple[Novelty, Float32]:
        """Order the rows by fold, and search each outside its own."""
        x, fold = training.x, training.fold
        sizes = tuple(int(size) for size in np.bincount(fold))
        outside = len(x) - max(sizes)
        if self.config.k > outside:
            raise DemonstrationError(
                f"k is {self.config.k}, and only {outside} demonstrated rows lie outside the largest fold; expected "
                f"1 to {outside}. Lower k, or use more demonstrations"
            )
        order = torch.from_numpy(np.argsort(fold, kind="stable"))
        learnt = Neighbours.of(training.encoder, x[order].contiguous(), sizes, self.config.k, None, self.config.seed)
        held_out = np.empty(len(x), np.float32)
        for start in range(0, len(x), BLOCK):
            block = slice(start, min(start + BLOCK, len(x)))
            found = learnt.by_part(x[block])
            held_out[block] = found[torch.from_numpy(fold[block]), torch.arange(found.shape[1])].numpy()
            if progress is not None:
                progress(block.stop, len(x))
        return learnt, held_out

    @classmethod
    def _rebuild_novelty(
        cls, source: str, config: Any, encoder: Encoder, content: dict[str, Any], tensors: dict[str, Tensor]
    ) -> Novelty:
        """Rebuild the index from the rows."""
        sizes = tuple(int(size) for size in content["parts"])
        count, columns = int(content["rows"]), len(encoder.kept)
        if len(sizes) < 2 or min(sizes) < 1 or sum(sizes) > count or config.k > sum(sizes) - max(sizes):
            raise ValueError(f"parts of {sizes} rows of {count}, and {config.k} neighbours outside each")
        rows = take(source, tensors, "neighbours.rows", (sum(sizes), columns))
        centres = None
        if len(rows) > EXACT_ROWS:
            centres = take(source, tensors, "neighbours.centres", (sum(map(lists_of, sizes)), columns))
        return Neighbours.of(encoder, rows, sizes, config.k, centres, config.seed)
