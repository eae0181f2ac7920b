"""The number of threads that PyTorch may use while a policy learns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Limit PyTorch to one thread inside the ``with`` block.

    PyTorch's idle threads go on spinning for a while, on a core that JAX's next update waits for. A training step
    scores only a few rows with PyTorch, which one thread does as fast.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
