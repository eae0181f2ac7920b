"""The reward as in the RED authors' code."""

from dataclasses import replace

import numpy as np
import pytest
from circling import CONSTANT, circling

import rexd
from rexd.errors import DemonstrationError
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED

CONFIG = replace(REDConfig.paper("Reacher", rows=200), updates=300, sigma=50.0)


@pytest.fixture(scope="module")
def demos():
    return circling()


@pytest.fixture(scope="module")
def model(demos):
    return RED(CONFIG).fit(demos)


def test_one_model_of_raw_inputs(model, demos):
    rows = demos.transitions()
    columns = demos.obs_dim + demos.act_dim
    assert model.target_.weights[0].shape == (1, columns, 20)
    assert [len(network.weights) for network in (model.target_, model.predictor_)] == [5, 2]
    assert (model.mean_ == 0.0).all()
    assert (model.std_ == 1.0).all()
    assert model.encoder_.dropped_columns == []
    x = np.concatenate([rows.obs, rows.act], axis=1).astype(np.float64)[:50]
    error = ((forward(model.target_, x) - forward(model.predictor_, x)) ** 2).mean(axis=1)
    np.testing.assert_allclose(model.predict(rows.obs[:50], rows.act[:50]), np.exp(-50.0 * error), rtol=1e-3)


def forward(network, x):
    for number, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        x = np.maximum(x, 0.2 * x) if number else x
        x = x @ weight[0].double().numpy() + bias[0].double().numpy()
    return x


def test_it_fits_all_rows_and_keeps_the_given_scale(model, demos):
    rows = demos.transitions()
    assert model.sigma_ == 50.0
    np.testing.assert_allclose(model.held_out_novelty_, model.novelty(rows.obs, rows.act), rtol=1e-4)
    alien = model.predict(rows.obs + 3.0, -rows.act)
    assert model.predict(rows.obs, rows.act).mean() > alien.mean() + 0.2


def test_a_constant_column_counts(model, demos):
    """Nothing is dropped: what never varied in the demonstrations is novel once it does."""
    rows = demos.transitions()
    moved = rows.obs.copy()
    moved[:, CONSTANT] += 2.0
    assert model.novelty(moved, rows.act).mean() > 2.0 * model.novelty(rows.obs, rows.act).mean()


def test_few_rows_are_enough_as_none_is_held_out(demos):
    with pytest.raises(DemonstrationError, match="too few to calibrate"):
        RED(updates=5).fit(demos.first(1).subsample(40, seed=0))
    assert RED(CONFIG, updates=5).fit(demos.first(1).subsample(40, seed=0)).fitted


def test_a_file_brings_it_back(model, demos, tmp_path):
    loaded = rexd.load_reward(model.save(tmp_path / "reward.safetensors"))
    rows = demos.transitions()
    assert loaded.config == CONFIG
    np.testing.assert_array_equal(loaded.predict(rows.obs, rows.act), model.predict(rows.obs, rows.act))
