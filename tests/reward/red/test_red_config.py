import json
from dataclasses import FrozenInstanceError, fields

import pytest

from rexd.errors import RexdError
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED


def test_json_round_trip():
    config = REDConfig(inputs="state", shape="rational", sigma=2.5, target_layers=(8, 4), seed=3)
    assert REDConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.target_layers == (8, 4)


def test_defaults_are_enough():
    assert REDConfig.from_dict({}) == REDConfig()
    assert REDConfig().to_dict().keys() == {item.name for item in fields(REDConfig)}


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(FrozenInstanceError):
        REDConfig().seed = 1


def test_a_model_takes_settings_by_name():
    base = REDConfig(updates=7)
    assert RED(base, seed=5).config == REDConfig(updates=7, seed=5)
    assert RED().config == REDConfig()


def test_the_paper_s_settings():
    hopper, reacher = REDConfig.paper("Hopper-v5", rows=4000), REDConfig.paper("Reacher", rows=200, seed=3)
    assert (hopper.target_layers, hopper.predictor_layers, hopper.outputs) == ((128,) * 4, (128,), 128)
    assert (hopper.sigma, hopper.updates, hopper.batch_size, hopper.learning_rate) == (250_000.0, 25_000, 32, 1e-3)
    assert (reacher.target_layers, reacher.sigma, reacher.updates, reacher.seed) == ((20,) * 4, 2_500.0, 2_100, 3)
    assert REDConfig.paper("HalfCheetah", rows=200).sigma == 25_000.0
    assert REDConfig.from_dict(json.loads(json.dumps(hopper.to_dict()))) == hopper


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"type": "gail"}, "reward type is 'gail'; expected 'red'"),
        ({"recipe": "own"}, "recipe is 'own'; expected one of calibrated, paper"),
        (
            {"recipe": "paper", "sigma": 5.0},
            "'paper' with shape 'logarithmic' and sigma 5.0; expected shape 'exponential'",
        ),
        ({"recipe": "paper", "shape": "exponential"}, "and sigma None; expected shape 'exponential' and a number"),
        ({"inputs": "actions"}, "inputs is 'actions'; expected one of state-action, state, state-next-state"),
        ({"shape": "cubic"}, "shape is 'cubic'; expected one of logarithmic, linear, rational, exponential"),
        ({"median_reward": 1.0}, "median_reward is 1.0; expected between 0 and 1"),
        ({"median_reward": 0.0}, "median_reward"),
        ({"sigma": 0.0}, "sigma is 0.0; expected a positive number, or None"),
        ({"sigma": float("nan")}, "sigma"),
        ({"sigma": float("inf")}, "sigma"),
        ({"folds": 1}, "folds is 1; calibration needs at least 2"),
        ({"updates": 0}, "updates is 0; expected a positive number"),
        ({"outputs": -1}, "outputs"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"target_layers": (8, 0)}, r"target_layers is \(8, 0\); expected positive widths"),
        ({"predictor_layers": (-1,)}, "predictor_layers"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
    ],
)
def test_values_that_cannot_work(settings, message):
    with pytest.raises(RexdError, match=message):
        REDConfig(**settings)
    with pytest.raises(RexdError, match=message):
        REDConfig.from_dict(settings)


def test_an_unknown_setting_is_named():
    with pytest.raises(RexdError, match="unknown reward settings: bandwidth, epochs"):
        REDConfig.from_dict({"epochs": 1, "bandwidth": 2})
