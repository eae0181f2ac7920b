"""What every estimator in the registry keeps to, whatever it estimates the support by."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from circling import VELOCITIES, choosing, circling, rows
from estimators import RIVALS, SMALL

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import DemonstrationError, NotFittedError, RexdError, SpaceMismatchError
from rexd.reward.checks import EXPERT, OTHER_ACTIONS, RANDOM_ACTIONS
from rexd.reward.choices import ESTIMATORS
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.files import load_reward
from rexd.reward.registry import estimator_class, make_reward, settings_class, settings_from
from rexd.reward.rows import Rows

every = pytest.mark.parametrize("name", ESTIMATORS)


@pytest.fixture(scope="module")
def fitted():
    """Each estimator, fitted to the same 720 rows, most of a circle each."""
    return {name: make_reward(name, **SMALL[name]).fit(circling(6, 120)) for name in ESTIMATORS}


def of(demonstrations):
    return Rows.of_transitions(demonstrations.transitions())


@every
def test_it_is_named_by_its_settings(name):
    assert settings_class(name)().type == name
    model = make_reward(name)
    assert isinstance(model, Estimator)
    assert type(model) is estimator_class(name)
    assert settings_from(model.config.to_dict()) == model.config


@every
def test_it_pays_the_expert_more_than_other_rows(fitted, name):
    model = fitted[name]
    pays = {check.name: check.reward for check in model.checks_}
    # rows of a stateful reward that were drawn at random are all first ones, of which each has what is nearest
    assert model.stateful or pays[EXPERT] > max(pays[RANDOM_ACTIONS], pays[OTHER_ACTIONS])
    fresh = of(circling(1, 120, seed=9))
    far = replace(fresh, obs=fresh.obs + np.float32(3.0))
    other = replace(fresh, act=fresh.act + np.float32(3.0))
    assert model.reward_of(other).mean() < model.reward_of(fresh).mean() - 0.05
    near, away = model.novelty_of(fresh), model.novelty_of(far)
    assert near.shape == (len(fresh),)
    assert near.dtype == np.float32
    assert (near >= 0.0).all()
    assert np.median(away) > 3.0 * np.median(near)
    rewards = model.reward_of(fresh)
    assert rewards.dtype == np.float32
    assert ((rewards >= 0.0) & (rewards <= 1.0)).all()


@every
def test_what_is_far_away_is_paid_nothing(fitted, name):
    far = of(circling(1))
    assert fitted[name].reward_of(replace(far, obs=far.obs + np.float32(1e4))).max() < 0.4


@every
def test_the_scale_is_that_of_held_out_rows(fitted, name):
    model = fitted[name]
    assert model.held_out_novelty_.shape == (720,)
    assert model.calibration_.median == pytest.approx(float(np.median(model.held_out_novelty_)))
    assert model.calibration_.median > 0.0
    assert model.sigma_ == pytest.approx(1.0 / model.calibration_.median)
    half = make_reward(name, shape="rational", **SMALL[name]).fit(circling())
    assert half.reward_of_novelty(np.array([half.calibration_.median], np.float32))[0] == pytest.approx(0.5)


@every
def test_the_same_seed_gives_the_same_reward(fitted, name):
    again = make_reward(name, **SMALL[name]).fit(circling(6, 120))
    fresh = of(circling(1, seed=9))
    assert again.novelty_of(fresh).tobytes() == fitted[name].novelty_of(fresh).tobytes()
    assert again.held_out_novelty_.tobytes() == fitted[name].held_out_novelty_.tobytes()


@every
def test_a_file_gives_the_same_reward_back(fitted, name, tmp_path):
    model = fitted[name]
    loaded = load_reward(model.save(tmp_path / "r.safetensors"))
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    assert loaded.checks_ == model.checks_
    assert loaded.calibration_ == model.calibration_
    assert loaded.stateful is model.stateful
    assert loaded.demonstrations_sha256_ == model.demonstrations_sha256_
    for demos in (circling(), circling(seed=9)):
        assert loaded.novelty_of(of(demos)).tobytes() == model.novelty_of(of(demos)).tobytes()
        assert loaded.predict_demonstrations(demos).tobytes() == model.predict_demonstrations(demos).tobytes()
    again = load_reward(loaded.save(tmp_path / "again.safetensors"))
    assert again.held_out_novelty_.tobytes() == model.held_out_novelty_.tobytes()


@every
def test_nothing_works_before_fit(name):
    model = make_reward(name)
    assert not model.fitted
    for use in (lambda: model.reward_of(of(circling())), lambda: model.sigma_, lambda: model.save("never.safetensors")):
        with pytest.raises(NotFittedError, match="is not fitted"):
            use()


@every
def test_discrete_actions(name, tmp_path):
    model = make_reward(name, **SMALL[name]).fit(choosing(6, 120))
    loaded = load_reward(model.save(tmp_path / "r.safetensors"))
    assert loaded.encoder_.columns.discrete
    fresh = of(choosing(1, 120, seed=9))
    assert loaded.reward_of(fresh).tobytes() == model.reward_of(fresh).tobytes()
    wrong = replace(fresh, act=(fresh.act + 1) % 3)
    assert model.novelty_of(wrong).mean() > model.novelty_of(fresh).mean()


@every
@pytest.mark.parametrize("inputs", ["state", "state-next-state"])
def test_other_inputs(name, inputs, tmp_path):
    model = make_reward(name, inputs=inputs, **SMALL[name]).fit(circling())
    loaded = load_reward(model.save(tmp_path / "r.safetensors"))
    fresh = of(circling(1, seed=9))
    assert loaded.novelty_of(fresh).tobytes() == model.novelty_of(fresh).tobytes()
    assert model.novelty_of(replace(fresh, act=None)).tobytes() == model.novelty_of(fresh).tobytes()


@every
def test_demonstrations_that_hold_nan_are_refused(name):
    broken = [np.array(t.observations) for t in circling()]
    broken[1][3, 0] = np.nan
    pairs = (np.stack(broken), np.stack([t.actions for t in circling()]))
    with pytest.raises(DemonstrationError, match="NaN"):
        make_reward(name, **SMALL[name]).fit(pairs)


@pytest.mark.parametrize("name", RIVALS)
def test_rows_that_hold_nan_are_refused(fitted, name):
    fresh = of(circling(1))
    fresh.obs[5, 0] = np.nan
    with pytest.raises(SpaceMismatchError, match="1 of 40 rows hold NaN"):
        fitted[name].reward_of(fresh)


@pytest.mark.parametrize("name", RIVALS)
def test_images_are_refused_and_the_mend_is_named(name):
    rng = np.random.default_rng(0)
    made = [
        Trajectory.from_steps(rng.integers(0, 255, (11, 8, 8, 3)).astype(np.uint8), np.zeros((10, 1), np.float32))
        for _ in range(2)
    ]
    with pytest.raises(DemonstrationError, match=r"images of shape \(8, 8, 3\).*Use type='red'"):
        make_reward(name, **SMALL[name]).fit(Demonstrations(tuple(made)))


@every
def test_a_column_too_many_is_refused(fitted, name):
    obs, act, _ = rows(circling())
    with pytest.raises(SpaceMismatchError, match=r"observations have shape \(160, 6\)"):
        fitted[name].predict(np.c_[obs, obs[:, :1]], act, step=np.arange(160))


@every
def test_too_few_rows_are_refused(name):
    with pytest.raises(DemonstrationError, match="too few to calibrate"):
        make_reward(name, **SMALL[name]).fit(circling(1, 7))


@every
def test_velocity_columns_add_the_standstill_unless_the_reward_is_stateful(name):
    model = make_reward(name, **SMALL[name]).fit(circling(), velocity_columns=VELOCITIES)
    assert ("worst standstill" in [check.name for check in model.checks_]) is not model.stateful


def test_a_name_that_does_not_exist():
    with pytest.raises(RexdError, match=r"no reward has the type 'pwill'; expected one of red, .*Did you mean 'pwil'"):
        make_reward("pwill")


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("nearest-neighbour", {"k": 0}, "k is 0; expected a positive number"),
        ("nearest-neighbour", {"folds": 1}, "calibration needs at least 2"),
        ("nearest-neighbour", {"updates": 5}, "unknown reward settings: updates"),
        ("autoencoder", {"code": 0}, "code is 0; expected 1 or more"),
        ("autoencoder", {"layers": (8, 0)}, "expected positive widths"),
        ("autoencoder", {"updates": 0}, "updates is 0"),
        ("kernel-pca", {"kept": 1.0}, "kept is 1.0; expected between 0 and 1"),
        ("kernel-pca", {"landmarks": 0}, "landmarks is 0"),
        ("pwil", {"sigma": -1.0}, "sigma is -1.0; expected a positive number"),
        ("pwil", {"shape": "cubic"}, "shape is 'cubic'"),
        ("pwil", {"inputs": "action"}, "inputs is 'action'"),
        ("pwil", {"seed": -1}, "seed is -1"),
    ],
)
def test_settings_that_cannot_work(name, settings, expected):
    with pytest.raises(RexdError, match=expected):
        make_reward(name, **settings)


def test_the_names_are_known_without_pytorch():
    code = (
        "import sys\nfrom rexd.reward.choices import ESTIMATORS\nfrom rexd.reward.registry import settings_class\n"
        "assert [settings_class(name)().type for name in ESTIMATORS] == list(ESTIMATORS)\n"
        "assert 'torch' not in sys.modules and 'faiss' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
