"""The nearest of many rows: exact for small sets, with an inverted file of faiss for large ones.

Either way the neighbours are found first and their distances are computed from the differences then, so that a
distance is exact, is 0 for an equal row, and has a slope.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rexd.errors import import_extra

EXACT_ROWS = 50_000
PRODUCTS = 2**25  # numbers that are held at once: 128 MiB
LISTS_PER_ROOT = 4  # lists of an inverted file, in square roots of the number of rows (the faiss wiki's guideline)
PROBED = 16  # lists that are searched for each row
SAMPLE = 64  # rows for each centre that the centres are found from


@dataclass(frozen=True, eq=False)
class Index:
    """Finds the nearest of some rows.

    Attributes:
        rows: (M, C) the rows.
        k: The number of neighbours to find, M at most.
        file: The inverted file of faiss; None compares all rows.
        centres: (lists, C) the centres of its lists; None without one.
    """

    rows: Tensor
    k: int
    file: Any = None
    centres: Tensor | None = None

    def search(self, x: Tensor) -> Tensor:
        """Return the numbers of the nearest rows: (batch, C) -> (batch, k) int64."""
        if self.file is None:
            return self._compare(x)
        _, found = self.file.search(x.contiguous().numpy(), self.k)
        numbers = torch.from_numpy(found)
        short = (numbers < 0).any(dim=1)  # the probed lists hold fewer than k rows
        if bool(short.any()):
            numbers[short] = self._compare(x[short])
        return numbers

    def _compare(self, x: Tensor) -> Tensor:
        squares = self.rows.square().sum(dim=1)
        parts = torch.split(x, max(PRODUCTS // len(self.rows), 1))
        near = [(squares - 2.0 * part @ self.rows.T).topk(self.k, largest=False).indices for part in parts]
        return torch.cat(near)


def distances(index: Index, x: Tensor) -> Tensor:
    """Return the distances to the nearest rows, differentiable in ``x``: (batch, C) -> (batch, k), in any order."""
    near = index.rows[index.search(x.detach())]
    away: Tensor = torch.linalg.vector_norm(x[:, None] - near, dim=2)
    return away


def lists_of(rows: int) -> int:
    """Return the number of lists of an inverted file of so many rows."""
    return max(min(int(LISTS_PER_ROOT * math.sqrt(rows)), rows), 1)


def index_of(rows: Tensor, k: int, seed: int, *, approximate: bool, centres: Tensor | None = None) -> Index:
    """Make an index of rows.

    Args:
        rows: (M, C) float32.
        k: The number of neighbours that are looked for.
        seed: Seed of the centres.
        approximate: Whether an inverted file is made, which needs faiss.
        centres: (lists, C) the centres of a saved index; None finds them.

    Raises:
        MissingExtraError: faiss is needed and not installed.
    """
    k = min(k, len(rows))
    if not approximate:
        return Index(rows, k)
    faiss = import_extra("faiss", "neighbours")
    data = rows.contiguous().numpy()
    if centres is None:
        settings = {"niter": 10, "seed": seed, "max_points_per_centroid": SAMPLE, "min_points_per_centroid": 1}
        search = faiss.Kmeans(data.shape[1], lists_of(len(rows)), **settings)
        search.train(data)
        centres = torch.from_numpy(search.centroids.copy())
    quantiser = faiss.IndexFlatL2(data.shape[1])
    quantiser.add(centres.contiguous().numpy())
    file = faiss.IndexIVFFlat(quantiser, data.shape[1], len(centres))
    file.nprobe = PROBED
    file.add(data)
    return Index(rows, k, file, centres)
