import numpy as np
import pytest
import torch

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.rl.wrappers.scaling import ObservationScale


@pytest.fixture
def demos():
    rng = np.random.default_rng(0)
    obs = rng.normal([1000.0, 0.0, 5.0], [20.0, 1e-2, 0.0], size=(2, 101, 3))
    return Demonstrations(tuple(Trajectory.from_steps(o, rng.uniform(-1, 1, (100, 2))) for o in obs))


def layer(columns=3):
    random = torch.Generator().manual_seed(0)
    return torch.randn(16, columns, generator=random), torch.randn(16, generator=random)


def test_standardises_the_demonstrations(demos):
    scaled = ObservationScale.of(demos).apply(demos.transitions().obs)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 0], atol=1e-3)


def test_a_column_that_hardly_varies_is_centred_and_not_scaled():
    obs = np.array([[3.0, 7.0], [3.0005, 7.2]] * 20)
    demos = Demonstrations((Trajectory.from_steps(obs, np.zeros((39, 1))),))
    scale = ObservationScale.of(demos)
    assert scale.std[0] == 1.0
    assert scale.std[1] == pytest.approx(0.1, rel=0.01)
    assert scale.apply(np.array([4.0, 7.1]))[0] == pytest.approx(1.0, abs=1e-3)


def test_subsampled_rows_alone_decide(demos):
    part = demos.subsample(20, seed=1)
    np.testing.assert_allclose(ObservationScale.of(part).mean, part.transitions().obs.mean(axis=0), rtol=1e-5)
    assert not np.array_equal(ObservationScale.of(part).mean, ObservationScale.of(demos).mean)


def test_one_observation_or_many(demos):
    scale, rows = ObservationScale.of(demos), demos.transitions().obs[:6]
    np.testing.assert_array_equal(scale.apply(rows.reshape(2, 3, 3)).reshape(6, 3), scale.apply(rows))
    np.testing.assert_array_equal(scale.apply(rows[0]), scale.apply(rows)[0])


def test_a_folded_layer_takes_raw_observations(demos):
    scale, (weight, bias) = ObservationScale.of(demos), layer()
    rows = demos.transitions().obs
    folded = torch.nn.functional.linear(torch.tensor(rows).double(), *(t.double() for t in scale.fold(weight, bias)))
    expected = torch.nn.functional.linear(torch.tensor(scale.apply(rows)), weight, bias)
    torch.testing.assert_close(folded.float(), expected, atol=2e-3, rtol=1e-3)


def test_unfold_is_the_inverse_of_fold(demos):
    scale, (weight, bias) = ObservationScale.of(demos), layer()
    restored = scale.unfold(*scale.fold(weight, bias))
    torch.testing.assert_close(restored[0], weight)
    torch.testing.assert_close(restored[1], bias, atol=1e-3, rtol=1e-4)
    assert {t.dtype for t in restored} == {torch.float32}


def test_an_absorbing_indicator_is_left_as_it_is(demos):
    scale = ObservationScale.of(demos).with_indicator()
    rows = demos.transitions().obs
    for indicator in (0.0, 1.0):
        scaled = scale.apply(np.c_[rows, np.full(len(rows), indicator)])
        np.testing.assert_allclose(scaled[:, :3], ObservationScale.of(demos).apply(rows), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(scaled[:, 3], indicator)
    assert scale.mean.dtype == scale.std.dtype == np.float32
