"""The support estimation network of DI-engine's RED, its distillation and its reward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn, optim
from torch.optim.adam import adam

tanh_backward = torch.ops.aten.tanh_backward.grad_input  # autograd's own: gradient · (1 − tanh²)
BLOCK_ROWS = 2048  # rows scored at once: their activations stay in the processor's cache
CHUNK_VALUES = 2**22  # inputs gathered at once for training: 16 MB, however large the observations
_FUSED = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 4)  # Adam in one kernel on the CPU too


class SENet(nn.Module):
    """Support estimation network: tanh(l_2(tanh(l_1(x)))), named as in DI-engine so that weights travel.

    Args:
        input_size: Columns of observation and action together.
        hidden_size: Width of the hidden layer.
        output_dims: Width of the output.
    """

    def __init__(self, input_size: int, hidden_size: int, output_dims: int) -> None:
        """Draw the weights as ``nn.Linear`` does, from torch's global generator."""
        super().__init__()
        self.l_1 = nn.Linear(input_size, hidden_size)
        self.l_2 = nn.Linear(hidden_size, output_dims)
        self.act = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, input_size) float32 -> (batch, output_dims), within (-1, 1)."""
        out: Tensor = self.act(self.l_2(self.act(self.l_1(x))))
        return out


def make_pair(input_size: int, hidden_size: int, output_dims: int, seed: int) -> tuple[SENet, SENet]:
    """The fixed random target and the network that learns it, drawn from the seed; no global state changes."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would change the generators of GPUs too
        target = SENet(input_size, hidden_size, output_dims)
        online = SENet(input_size, hidden_size, output_dims)
    return target.requires_grad_(False), online


@torch.no_grad()
def support_reward(online: SENet, target: SENet, x: Tensor, sigma: float) -> Tensor:
    """The reward exp(−σ mean_d (f̂(x) − f(x))²) (Wang et al. 2019, eq. 9).

    Args:
        online: f̂.
        target: f.
        x: (batch, input_size) float32.
        sigma: σ.

    Returns:
        (batch,) float32, in (0, 1].
    """
    reward = x.new_empty(len(x))
    for start in range(0, len(x), BLOCK_ROWS):
        block = x[start : start + BLOCK_ROWS]
        reward[start : start + BLOCK_ROWS] = _outputs(online, block).sub_(_outputs(target, block)).square_().mean(dim=1)
    return reward.mul_(-sigma).exp_()


def _outputs(net: SENet, x: Tensor) -> Tensor:
    """``forward`` where no gradient is wanted: in place, which spares half of the memory traffic."""
    out: Tensor = net.l_2(net.l_1(x).tanh_()).tanh_()
    return out


@torch.no_grad()
def distil(online: SENet, wanted: Tensor, x: Tensor, batches: Tensor, opt: optim.Adam) -> list[float]:
    """Fit the online network to the target's outputs: one step of Adam for each batch, and its loss.

    The loss is the mean squared error (Wang et al. 2019, eq. 8). Its gradient is written out: networks of this size
    spend five times as long in autograd's bookkeeping as in arithmetic.

    Args:
        online: The network that learns, changed in place.
        wanted: (N, output_dims), the target's output of each row.
        x: (N, input_size), the rows.
        batches: (updates, batch) int64, the rows of each batch.
        opt: Adam over the parameters of ``online``; its state goes on.
    """
    parameters = list(online.parameters())
    grads = _gradients(parameters)
    means, squares, steps = _moments(opt, parameters)
    (w1, b1, w2, b2), (grad_w1, grad_b1, grad_w2, grad_b2) = parameters, grads
    group = opt.param_groups[0]
    updates, batch = batches.shape
    outputs = x.new_empty(updates, batch, wanted.shape[1])
    hidden, grad_hidden = x.new_empty(batch, len(w1)), x.new_empty(batch, len(w1))
    grad_out = torch.empty_like(outputs[0])
    scale = 2.0 / outputs[0].numel()
    aims = wanted[batches]
    w1_t, w2_t, grad_hidden_t, grad_out_t = w1.t(), w2.t(), grad_hidden.t(), grad_out.t()  # views of what changes
    for rows, aim, out in zip(_chunked(x, batches), aims.unbind(), outputs.unbind(), strict=True):
        torch.addmm(b1, rows, w1_t, out=hidden).tanh_()
        torch.addmm(b2, hidden, w2_t, out=out).tanh_()
        torch.sub(out, aim, out=grad_out).mul_(scale)
        tanh_backward(grad_out, out, grad_input=grad_out)
        torch.mm(grad_out_t, hidden, out=grad_w2)
        torch.sum(grad_out, dim=0, out=grad_b2)
        torch.mm(grad_out, w2, out=grad_hidden)
        tanh_backward(grad_hidden, hidden, grad_input=grad_hidden)
        torch.mm(grad_hidden_t, rows, out=grad_w1)
        torch.sum(grad_hidden, dim=0, out=grad_b1)
        adam(
            list[Tensor](parameters),
            grads,
            means,
            squares,
            [],
            steps,
            foreach=False,
            fused=_FUSED,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
    losses: list[float] = (outputs - aims).square_().mean(dim=(1, 2)).tolist()
    return losses


def _chunked(x: Tensor, batches: Tensor) -> Iterator[Tensor]:
    """The rows of each batch, gathered for many batches at a time, but not for all where rows are large."""
    count = max(1, CHUNK_VALUES // (batches.shape[1] * x.shape[1]))
    for start in range(0, len(batches), count):
        yield from x[batches[start : start + count]].unbind()


def _gradients(parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _moments(opt: optim.Adam, parameters: Sequence[nn.Parameter]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Adam's own state, filled as its first step does: means and mean squares of the gradients, and steps."""
    for parameter in parameters:
        state = opt.state[parameter]
        if not state:
            state["step"] = torch.zeros((), device=parameter.device)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        if state["step"].device != parameter.device:  # a checkpoint of another device
            state["step"] = state["step"].to(parameter.device)
    states = [opt.state[parameter] for parameter in parameters]
    return [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states], [s["step"] for s in states]
