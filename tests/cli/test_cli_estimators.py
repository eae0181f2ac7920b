"""``--type`` chooses an estimator, whose settings are then the options."""

import numpy as np
import pytest
from estimators import RIVALS
from line_task import ENV

from rexd import load_reward
from rexd.cli.estimators import with_estimator
from rexd.cli.verbs import fit, score, train
from rexd.rl.training.run_folder import load_run

FEW = {"autoencoder": ("--updates", 20), "kernel-pca": ("--landmarks", 50), "nearest-neighbour": ("--k", 2)}


@pytest.mark.parametrize("name", RIVALS)
def test_fit_diagnose_and_score(rexd, demos_file, tmp_path, name):
    path = tmp_path / "reward.safetensors"
    fitted = rexd("fit", demos_file, "-o", path, "--type", name, *FEW.get(name, ()), "--seed", 3, "--json").json
    assert fitted["checks"][0]["name"] == "expert rows, held out"
    model = load_reward(path)
    assert (model.config.type, model.config.seed) == (name, 3)
    found = rexd("diagnose", path, demos_file, "--json").json
    assert found["rewards"][0]["probes"][0]["name"] == "expert rows, held out"
    scored = rexd("score", path, demos_file, "-o", tmp_path / "rewards.npz", "--json").json
    assert scored["held_out"] is True
    assert scored["mean"] == pytest.approx(fitted["checks"][0]["reward"], rel=1e-3)
    with np.load(tmp_path / "rewards.npz") as written:
        assert written["rewards"].shape == (160,)


def test_diagnose_fits_the_type_that_is_named(rexd, demos_file):
    found = rexd("diagnose", demos_file, "--type=nearest-neighbour", "--k", "2", "--json").json
    assert [each["reward"] for each in found["rewards"]] == ["nearest-neighbour"]


def test_options_of_a_fit_with_a_saved_reward_are_refused(rexd, fails, demos_file, tmp_path):
    path = tmp_path / "reward.safetensors"
    assert rexd("fit", demos_file, "-o", path, "--type", "kernel-pca").status == 0
    assert "leave out the options of a fit" in fails("diagnose", path, demos_file, "--type", "pwil")
    assert rexd("diagnose", path, demos_file, "--type", "red", "--seed", 4).status < 3


def test_options_of_another_estimator_are_unknown(rexd, demos_file):
    result = rexd("fit", demos_file, "--type", "nearest-neighbour", "--updates", 20)
    assert result.status == 2
    assert "--updates" in result.err


def test_a_type_that_does_not_exist_lists_the_known(rexd, demos_file):
    result = rexd("fit", demos_file, "--type", "knn")
    assert result.status == 2
    assert "kernel-pca" in result.err


def test_help_shows_the_options_of_the_type(rexd):
    out = rexd("fit", "--type", "nearest-neighbour", "--help").out
    assert "--k INT" in out
    assert "--target-layers" not in out
    assert "--target-layers" in rexd("fit", "--help").out
    assert "--reward.landmarks" in rexd("train", "--reward.type", "kernel-pca", "--help").out


def test_verbs_without_estimators_stay_as_they_are():
    assert with_estimator(score.Command, ["--type", "pwil"]) is score.Command
    assert with_estimator(fit.Command, ["a", "--type", "red", "--type", "pwil"])().settings.type == "pwil"
    assert with_estimator(train.Command, ["--reward.type=pwil"])().settings.reward.type == "pwil"


@pytest.mark.parametrize("algorithm", ["sb3-ppo", pytest.param("sb3-sac", marks=pytest.mark.slow)])
def test_a_run_with_a_stateful_reward(rexd, demos_file, tmp_path, algorithm):
    folder = tmp_path / "run"
    words = (
        "train", demos_file, "--env", ENV, "--out", folder, "--reward.type", "pwil", "--algorithm", algorithm,
        "--steps", 96, "--evaluate-every", 48, "--warm-start", 20, "--final-episodes", 2, "--evaluation-episodes", 1,
        "--learning-starts", 24, "--actor-starts", 10, "--actor-ramp", 10, "--json",
    )  # fmt: skip
    result = rexd(*words)
    assert result.status == 0, result.err
    assert load_run(folder).evaluation["learned"]["mean"] > 0.0
    model = load_reward(folder / "reward.safetensors")
    assert model.stateful
    assert rexd("evaluate", folder, "--episodes", 2, "--json").json["learned"]["mean"] > 0.0
