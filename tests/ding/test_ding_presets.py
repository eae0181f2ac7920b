import numpy as np
import pytest

from rexd import REDConfig
from rexd.ding import Config, RedRewardModel, RexdRewardModel
from rexd.ding.presets import CALIBRATED, DOCUMENTED, complete, is_calibrated, red_config
from rexd.errors import RexdError

PAGE = {
    "type": ("red", str),
    "expert_data_path": ("expert_data.pkl", str),
    "sample_size": (1000, int),
    "sigma": (5, int),
    "batch_size": (64, int),
    "hidden_size": (128, int),
    "update_per_collect": (100, int),
    "clear_buffer_per_iters": (1, int),
    "learning_rate": (1e-3, float),
}


@pytest.mark.parametrize("name", PAGE)
def test_documented_default(name):
    value, kind = PAGE[name]
    found = RedRewardModel.default_config()[name]
    assert found == value
    assert type(found) is kind


def test_default_config_is_a_copy_with_attributes():
    config = RedRewardModel.default_config()
    assert config.cfg_type == "RedRewardModelDict"
    assert set(config) == {*PAGE, "input_size", "cfg_type"}
    assert config.input_size is None
    config.sigma = 1
    assert RedRewardModel.default_config().sigma == 5
    assert RexdRewardModel.default_config().cfg_type == "RexdRewardModelDict"


def test_rexd_preset_is_the_library_s_own_config_without_a_clock_and_on_smaller_networks():
    assert CALIBRATED["type"] == "rexd"
    assert red_config(complete(CALIBRATED, {}), 0) == REDConfig(
        clock=False, target_layers=(128, 128, 128), predictor_layers=(128, 128)
    )


def test_what_is_given_stays():
    given = {"sigma": 1, "batch_size": np.int64(7), "own": {"x": 1}}
    message = r"no setting 'own', which is ignored\. The settings are action_shape, batch_size"
    with pytest.warns(UserWarning, match=message):
        config = complete(DOCUMENTED, given)
    assert isinstance(config, Config)
    assert (config.sigma, config.batch_size, config.hidden_size, config.own.x) == (1, 7, 128, 1)
    assert given == {"sigma": 1, "batch_size": 7, "own": {"x": 1}}


@pytest.mark.parametrize(
    "given",
    [
        {"sigma": "auto"},
        {"normalize": True},
        {"output_dims": 2},
        {"n_targets": 3},
        {"target_layers": (8,)},
        {"predictor_layers": [8, 8]},
        {"shape": "rational"},
        {"median_reward": 0.4},
    ],
    ids=lambda given: next(iter(given)),
)
def test_setting_that_selects_the_calibrated_model(given):
    config = complete(DOCUMENTED, given)
    assert is_calibrated(config)
    assert config.type == "red"
    red = red_config(config, 3)
    assert red.shape == given.get("shape", "exponential")
    assert red.seed == 3
    assert red.updates == CALIBRATED["update_per_collect"]
    assert red.sigma is None


@pytest.mark.parametrize(
    "given",
    [{}, {"output_dims": 1, "n_targets": 1, "normalize": False, "shape": "exponential"}, {"sigma": 0.5}],
)
def test_settings_of_the_documented_model(given):
    assert not is_calibrated(complete(DOCUMENTED, given))


def test_calibrated_settings_reach_the_model():
    given = {
        "sigma": 2.5,
        "hidden_size": 24,
        "batch_size": 16,
        "update_per_collect": 7,
        "learning_rate": 0.01,
        "output_dims": 9,
        "n_targets": 4,
        "shape": "rational",
        "median_reward": 0.3,
    }
    found = red_config(complete(CALIBRATED, given), 5)
    assert found == REDConfig(
        sigma=2.5,
        target_layers=(24, 24, 24),
        predictor_layers=(24, 24),
        batch_size=16,
        updates=7,
        learning_rate=0.01,
        outputs=9,
        folds=4,
        shape="rational",
        median_reward=0.3,
        clock=False,
        seed=5,
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; expected a positive integer"),
        ({"hidden_size": 1.5}, "hidden_size is 1.5"),
        ({"update_per_collect": True}, "update_per_collect is True"),
        ({"clear_buffer_per_iters": None}, "clear_buffer_per_iters is None"),
        ({"sample_size": 0}, "sample_size is 0; expected a positive integer, or None"),
        ({"input_size": "5"}, "input_size is '5'"),
        ({"sigma": 0}, "sigma is 0; expected a positive number, or 'auto'"),
        ({"sigma": "large"}, "sigma is 'large'"),
        ({"sigma": float("nan")}, "sigma is nan"),
        ({"sigma": float("inf")}, "sigma is inf"),
        ({"learning_rate": "auto"}, "learning_rate is 'auto'; expected a positive number$"),
        ({"learning_rate": -1}, "learning_rate is -1"),
        ({"seed": -1}, "seed is -1; expected an integer of 0 or more"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"expert_filter": 3}, "expert_filter is 3; expected a function"),
        ({"sigma": "auto", "normalize": False}, "normalize=False cannot be combined with sigma='auto'"),
        ({"type": "rexd", "sigma": "auto", "n_targets": 1}, "n_targets of the calibrated model is 1; .* 2 or more"),
        ({"output_dims": 0}, "output_dims of the calibrated model is 0"),
        ({"shape": "square"}, "shape is 'square'; expected one of"),
        ({"median_reward": 2.0}, "median_reward is 2.0"),
        ({"target_layers": (0,)}, "target_layers is"),
    ],
)
def test_value_that_cannot_work(given, message):
    with pytest.raises(RexdError, match=message):
        complete(CALIBRATED if given.get("type") == "rexd" else DOCUMENTED, given)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("sigmma", "sigma"), ("data_path", "expert_data_path"), ("update_per_colect", "update_per_collect")],
)
def test_an_unknown_setting_names_the_nearest(wrong, near):
    with pytest.warns(UserWarning, match=f"no setting '{wrong}', which is ignored. Did you mean '{near}'") as caught:
        assert complete(DOCUMENTED, {wrong: 3})[wrong] == 3
    assert len(caught) == 1


def test_settings_that_di_engine_writes_and_reads_are_known():
    written = {"cfg_type": "RedRewardModelDict", "target_new_data_count": 64, "import_names": [], "exp_name": "run"}
    assert complete(DOCUMENTED, written)["target_new_data_count"] == 64  # warnings are errors


@pytest.mark.parametrize(("section", "wanted"), [({}, "run"), ({"exp_name": "own"}, "own")])
def test_the_section_of_an_experiment_is_what_counts(section, wanted):
    whole = {"exp_name": "run", "policy": {"sigma": 7}, "reward_model": {"sigma": 0.5, **section}}
    config = complete(DOCUMENTED, whole)
    assert (config.sigma, config.exp_name) == (0.5, wanted)
    assert "policy" not in config
