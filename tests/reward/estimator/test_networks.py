import numpy as np
import pytest
import torch

from rexd.reward.estimator.networks import EnsembleMLP, squared_error


def ensemble(sizes=(3, 7, 5, 2), n_models=4, seed=0, **kwargs):
    return EnsembleMLP(sizes, n_models, torch.Generator().manual_seed(seed), **kwargs).requires_grad_(False)


def by_hand(network, model, x):
    """One member of the ensemble, layer by layer in numpy."""
    x = x.astype(np.float64)
    last = len(network.weights) - 1
    for layer in range(last + 1):
        x = x @ network.weights[layer][model].double().numpy() + network.biases[layer][model].double().numpy()
        x = np.maximum(x, network.leak * x) if layer < last else x
    return x


@pytest.mark.parametrize("leak", [0.0, 0.2])
def test_members_are_ordinary_perceptrons(leak):
    network = ensemble(bias_std=0.5, leak=leak)
    x = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    out = network(torch.from_numpy(x)).numpy()
    assert out.shape == (4, 6, 2)
    for model in range(4):
        np.testing.assert_allclose(out[model], by_hand(network, model, x[model]), rtol=1e-4, atol=1e-5)


def test_members_differ():
    x = torch.ones(1, 1, 3).expand(4, -1, -1)
    out = ensemble()(x)[:, 0]
    assert len({tuple(row.tolist()) for row in out}) == 4


def test_weights_may_be_glorot_uniform():
    network = ensemble((50, 80, 60), n_models=5, glorot=True)
    for weight, fans in zip(network.weights, (130, 140), strict=True):
        assert weight.abs().max().item() == pytest.approx((6.0 / fans) ** 0.5, rel=1e-3)
        assert weight.std().item() == pytest.approx((2.0 / fans) ** 0.5, rel=0.05)
    assert all((bias == 0.0).all() for bias in network.biases)


def test_weights_are_he_normal_and_biases_as_asked():
    network = ensemble((50, 80, 60), n_models=5, bias_std=0.5)
    for weight, fan_in in zip(network.weights, (50, 80), strict=True):
        assert weight.std().item() == pytest.approx((2.0 / fan_in) ** 0.5, rel=0.05)
        assert abs(weight.mean().item()) < 0.01
    assert torch.cat([b.flatten() for b in network.biases]).std().item() == pytest.approx(0.5, rel=0.15)
    assert all((bias == 0.0).all() for bias in ensemble().biases)


def test_the_generator_decides_and_global_state_does_not():
    first = ensemble(seed=3).state_dict()
    torch.manual_seed(99)
    again, other = ensemble(seed=3).state_dict(), ensemble(seed=4).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["weights.0"], other["weights.0"])


def test_squared_error_is_the_mean_over_outputs_of_each_member():
    target, predictor = ensemble(seed=0, bias_std=0.5), ensemble((3, 4, 2), seed=1)
    x = np.random.default_rng(1).normal(size=(4, 9, 3)).astype(np.float32)
    found = squared_error(target, predictor, torch.from_numpy(x)).numpy()
    assert found.shape == (4, 9)
    for model in range(4):
        wanted = ((by_hand(target, model, x[model]) - by_hand(predictor, model, x[model])) ** 2).mean(axis=1)
        np.testing.assert_allclose(found[model], wanted, rtol=1e-3, atol=1e-5)


def test_a_network_has_no_error_against_itself():
    network = ensemble()
    assert (squared_error(network, network, torch.randn(4, 5, 3)) == 0.0).all()
