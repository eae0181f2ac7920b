"""Adam with the kernels of torch, without the import of torch's compiler.

The first ``torch.optim.Optimizer`` of a process imports ``torch._dynamo``. That takes about two seconds, a tenth of the
time of ``rexd diagnose``, and nothing here is compiled by it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """``torch.optim.Adam``, or ``AdamW`` where the weights decay, with the same result bit for bit.

    Source: Kingma and Ba 2015, "Adam", arXiv 1412.6980; the decay is that of Loshchilov and Hutter 2019, arXiv
    1711.05101.

    Attributes:
        learning_rate: The step size; it may be changed between steps.
    """

    def __init__(
        self, parameters: Iterable[Tensor], learning_rate: float, *, decay: float = 0.0, fused: bool = False
    ) -> None:
        """Begin at the parameters as they are.

        Args:
            parameters: The tensors to change; all of them get a gradient in each step.
            learning_rate: The step size.
            decay: The rate at which parameters shrink, times the step size.
            fused: Whether one kernel does all of a step; its last bits are others.
        """
        self.learning_rate, self._decay, self._fused = learning_rate, decay, fused
        self._parameters = list(parameters)
        self._means = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._steps = [torch.zeros(()) for _ in self._parameters]

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters by their gradients."""
        adam(
            self._parameters,
            [parameter.grad for parameter in self._parameters if parameter.grad is not None],
            self._means,
            self._squares,
            [],
            self._steps,
            foreach=False,
            fused=self._fused,
            decoupled_weight_decay=self._decay > 0.0,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate,
            weight_decay=self._decay,
            eps=1e-8,
            maximize=False,
        )
