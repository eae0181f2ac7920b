import copy

import numpy as np
import pytest
import torch
from torch import nn

import rexd.ding.senet as module
from rexd.ding import SENet
from rexd.ding.senet import distil, make_pair, support_reward


def batches(updates=30, batch=16, n=50):
    return torch.randint(n, (updates, batch), generator=torch.Generator().manual_seed(1))


def by_autograd(online, wanted, x, chosen, opt):
    losses = []
    for rows in chosen:
        loss = ((online(x[rows]) - wanted[rows]) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


def rows(n=50, columns=6):
    return torch.randn(n, columns, generator=torch.Generator().manual_seed(2))


def assert_same_weights(a, b, tolerance=2e-6):
    for left, right in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=tolerance)


def test_weights_have_dis_names_and_shapes():
    net = SENet(6, 8, 3)
    assert isinstance(net, nn.Module)
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    assert shapes == {"l_1.weight": (8, 6), "l_1.bias": (8,), "l_2.weight": (3, 8), "l_2.bias": (3,)}
    assert isinstance(net.l_1, nn.Linear)
    assert isinstance(net.l_2, nn.Linear)
    assert isinstance(net.act, nn.Tanh)


def test_forward_is_the_documented_network():
    net, x = SENet(6, 8, 3), rows()
    p = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    hidden = np.tanh(x.numpy() @ p["l_1.weight"].T + p["l_1.bias"])
    wanted = np.tanh(hidden @ p["l_2.weight"].T + p["l_2.bias"])
    np.testing.assert_allclose(net(x).detach().numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_pair_is_of_the_seed_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    target, online = make_pair(6, 8, 1, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    again, online_again = make_pair(6, 8, 1, seed=0)
    assert_same_weights(target, again, 0)
    assert_same_weights(online, online_again, 0)
    assert not torch.equal(target.l_1.weight, online.l_1.weight)
    assert not torch.equal(target.l_1.weight, make_pair(6, 8, 1, seed=1)[0].l_1.weight)
    assert not any(p.requires_grad for p in target.parameters())
    assert all(p.requires_grad for p in online.parameters())


def test_pair_leaves_the_generators_of_gpus_alone(monkeypatch):
    def seeded(_):
        raise AssertionError("the generators of GPUs were seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded)
    make_pair(6, 8, 1, seed=0)


@pytest.mark.parametrize("n", [1, module.BLOCK_ROWS, module.BLOCK_ROWS + 1])
def test_reward_is_the_formula(n):
    target, online = make_pair(6, 8, 3, seed=0)
    x = rows(n)
    found = support_reward(online, target, x, 5.0)
    with torch.no_grad():
        wanted = torch.stack([torch.exp(-5.0 * ((online(row) - target(row)) ** 2).mean()) for row in x])
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-7)
    assert (found.shape, found.dtype, found.requires_grad) == ((n,), torch.float32, False)


@pytest.mark.parametrize("outputs", [1, 5])
@pytest.mark.parametrize("fused", [True, False])  # torch before 2.4 has no fused Adam on the CPU
def test_distil_equals_autograd_with_adam(outputs, fused, monkeypatch):
    monkeypatch.setattr(module, "_FUSED", fused)
    x, chosen = rows(), batches()
    target, online = make_pair(6, 32, outputs, seed=0)
    reference = copy.deepcopy(online)
    opt, other = (torch.optim.Adam(net.parameters(), 3e-3) for net in (online, reference))
    with torch.no_grad():
        wanted = target(x)
    losses = distil(online, wanted, x, chosen, opt)
    expected = by_autograd(reference, wanted, x, chosen, other)
    assert losses == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert losses[-1] < losses[0]
    assert_same_weights(online, reference)
    for mine, theirs in zip(online.parameters(), reference.parameters(), strict=True):
        assert float(opt.state[mine]["step"]) == float(other.state[theirs]["step"]) == len(chosen)
        torch.testing.assert_close(opt.state[mine]["exp_avg"], other.state[theirs]["exp_avg"], rtol=1e-3, atol=1e-6)


def test_adam_goes_on_before_and_after():
    x, chosen = rows(), batches()
    target, online = make_pair(6, 32, 1, seed=0)
    reference = copy.deepcopy(online)
    opt, other = (torch.optim.Adam(net.parameters(), 3e-3) for net in (online, reference))
    with torch.no_grad():
        wanted = target(x)
    by_autograd(online, wanted, x, chosen[:10], opt)
    distil(online, wanted, x, chosen[10:20], opt)
    by_autograd(online, wanted, x, chosen[20:], opt)
    by_autograd(reference, wanted, x, chosen, other)
    assert_same_weights(online, reference)


def test_large_rows_are_gathered_in_parts(monkeypatch):
    x, chosen = rows(), batches()
    found = []
    for limit in (module.CHUNK_VALUES, 3 * 16 * 6, 1):
        monkeypatch.setattr(module, "CHUNK_VALUES", limit)
        target, online = make_pair(6, 8, 1, seed=0)
        with torch.no_grad():
            wanted = target(x)
        distil(online, wanted, x, chosen, torch.optim.Adam(online.parameters()))
        found.append(online)
    assert_same_weights(found[0], found[1], 0)
    assert_same_weights(found[0], found[2], 0)
