"""The steps are those of torch's own optimisers, to the last bit, and torch's compiler is not imported for them."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from rexd.adam import Adam

RATES = (0.1, 0.05, 0.01)


def descend(parameters, optimiser, change):
    """Fit a small network for a few steps of falling step size."""
    weight, bias = parameters
    x = torch.linspace(-1.0, 1.0, 40).reshape(8, 5)
    for rate in RATES:
        change(rate)
        loss = (torch.tanh(x @ weight + bias) - 0.3).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def start():
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=draw).requires_grad_() for shape in ((5, 3), (3,))]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.7])
def test_steps_are_those_of_torch(fused, decay):
    ours, theirs = start(), start()
    kind = torch.optim.AdamW if decay else torch.optim.Adam
    library = kind(theirs, lr=RATES[0], weight_decay=decay, fused=fused)
    optimiser = Adam(ours, RATES[0], decay=decay, fused=fused)
    descend(ours, optimiser, lambda rate: setattr(optimiser, "learning_rate", rate))
    descend(theirs, library, lambda rate: library.param_groups[0].update(lr=rate))
    assert not torch.equal(ours[0], start()[0])
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.detach(), other.detach())


def test_a_fit_does_not_import_the_compiler_of_torch():
    program = (
        "import sys, rexd\n"
        "config = rexd.REDConfig(target_layers=(4,), predictor_layers=(4,), outputs=2, updates=2)\n"
        "rexd.RED(config).fit('bundled', velocity_columns=(6, 7))\n"
        "assert 'torch' in sys.modules\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
