import json

import numpy as np
import pytest
from line_task import ENV, make_demonstrations

from rexd import load_reward
from rexd.demos import Demonstrations, Trajectory
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations
from rexd.reward.checks import STANDSTILL


@pytest.fixture
def reward_file(rexd, demos_file, tmp_path):
    path = tmp_path / "reward.safetensors"
    assert rexd("fit", demos_file, "-o", path, "--updates", 20, "--json").status == 0
    return path


def test_fit_saves_and_prints_the_checks(rexd, demos_file, tmp_path):
    path = tmp_path / "r.safetensors"
    result = rexd(
        "fit", demos_file, "-o", path, "--updates", 20, "--shape", "rational", "--seed", 3, "--trajectories", 3,
        "--subsample", 2, "--env", ENV, "--velocity-columns", "0:2", "--predictor-layers", 8, 8,
    )  # fmt: skip
    assert result.status == 0, result.err
    model = load_reward(path)
    assert (model.config.shape, model.config.seed, model.config.predictor_layers) == ("rational", 3, (8, 8))
    for text in ("expert rows, held out", "expert rows, unused", STANDSTILL, "60 transitions of 3", "1 columns"):
        assert text in result.out
    assert "WARNING" in result.err + result.out


def test_fit_of_a_file_larger_than_memory_draws_rows(rexd, demos_file, tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    file = tmp_path / "demos.hdf5"
    assert rexd("convert", demos_file, file).status == 0
    monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 0)
    monkeypatch.setattr("rexd.demos.demonstrations.MOST_ROWS", 100)
    words = ("fit", file, "-o", tmp_path / "r.safetensors", "--updates", 20, "--seed", 5)
    result = rexd(*words)
    assert result.status == 0, result.err
    assert "used 100 of 160 transitions, drawn uniformly (seed 5)" in " ".join(result.err.split())
    assert rexd(*words, "--trajectories", 2, "--json").json["transitions"] == 80


def test_fit_json(rexd, demos_file, tmp_path):
    result = rexd("fit", demos_file, "-o", tmp_path / "r.safetensors", "--updates", 20, "--json")
    assert result.json["dropped_columns"] == ["observation[2]"]
    assert result.json["checks"][0]["name"] == "expert rows, held out"
    assert len(result.json["warnings"]) == result.err.count("WARNING")


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        (("--updates", "0"), "expected a positive number"),
        (("--trajectories", "9"), "the file has 4"),
        (("--subsample", "0"), "expected 1 or more"),
        (("--velocity-columns", "1:9"), "columns 0 to 2"),
    ],
)
def test_fit_with_settings_that_cannot_work(fails, demos_file, options, mend):
    assert mend in fails("fit", demos_file, *options)


def test_an_unknown_shape_lists_the_known(rexd, demos_file):
    result = rexd("fit", demos_file, "--shape", "cubic")
    assert result.status == 2
    assert "rational" in result.err


def test_score(rexd, reward_file, demos_file, tmp_path):
    other = save_demonstrations(make_demonstrations(count=2, steps=7), tmp_path / "other.npz")
    found = rexd("score", reward_file, other, "-o", tmp_path / "rewards.npz", "--json").json
    assert found["held_out"] is False
    with np.load(tmp_path / "rewards.npz") as written:
        rewards, trajectory = written["rewards"], written["trajectory"]
    assert [t["length"] for t in found["trajectories"]] == [7, 7]
    model, rows = load_reward(reward_file), make_demonstrations(count=2, steps=7).transitions()
    assert rewards.tobytes() == model.predict(rows.obs, rows.act, step=rows.step).tobytes()
    np.testing.assert_allclose(found["trajectories"][1]["mean"], rewards[trajectory == 1].mean(), rtol=1e-5)
    assert found["trajectories"][0]["max"] == rewards[:7].max()
    result = rexd("score", reward_file, demos_file)
    assert "trajectory 3" in result.out
    assert "never saw" in result.err
    fitted = rexd("score", reward_file, demos_file, "--json").json
    assert fitted["held_out"] is True
    assert fitted["mean"] == pytest.approx(model.reward_of_novelty(model.held_out_novelty_).mean())
    assert fitted["mean"] < model.predict_demonstrations(load_demonstrations(demos_file)).mean()


def test_score_of_another_task(fails, reward_file, tmp_path):
    other = save_demonstrations(make_demonstrations(columns=5), tmp_path / "other.npz")
    assert "fitted to (batch, 3)" in fails("score", reward_file, other)


def test_truncated_reward(fails, reward_file, demos_file):
    reward_file.write_bytes(reward_file.read_bytes()[:-100])
    assert "fit the reward anew" in fails("score", reward_file, demos_file)
    assert "rexd fit writes a reward" in fails("score", "no-such.safetensors", demos_file)


def test_a_place_that_cannot_be_written_is_refused_before_the_fit(fails, demos_file, tmp_path, monkeypatch):
    monkeypatch.setattr("rexd.reward.red.red.RED.fit", lambda *_, **__: pytest.fail("it fitted"))
    assert "Is a directory" in fails("fit", demos_file, "-o", tmp_path)


def test_what_is_weighted_down_is_said_as_it_was_measured(rexd, tmp_path):
    random = np.random.default_rng(0)
    trajectories = []
    for number in range(4):
        obs = random.uniform(-1.0, 1.0, (61, 3))
        obs[:, 2] = number + 0.01 * obs[:, 2]
        act = np.stack([np.tanh(obs[:-1, 0] - obs[:-1, 1]), random.uniform(-1.0, 1.0, 60)], axis=1)
        trajectories.append(Trajectory.from_steps(obs, act))
    file = save_demonstrations(Demonstrations(tuple(trajectories)), tmp_path / "demos.npz")
    result = rexd("fit", file, "-o", tmp_path / "r.safetensors", "--updates", 200)
    assert result.status == 0, result.err
    said = " ".join(result.out.split())
    assert "action[1] to 0.1: actions by how well the state predicts them in held-out trajectories (R² squared" in said
    assert "action[0]" not in said
    assert "noise" not in said


def test_states_alone(rexd, demos_file, tmp_path):
    words = ("fit", demos_file, "-o", tmp_path / "r.safetensors", "--updates", 20, "--without-actions")
    refused = rexd(*words)
    assert refused.status != 0
    assert "--reward.inputs state-next-state" in " ".join(refused.err.split())
    assert rexd(*words, "--inputs", "state", "--json").status == 0
    assert load_reward(tmp_path / "r.safetensors").config.inputs == "state"


def test_fit_takes_the_columns_of_a_goal(rexd, demos_file, tmp_path):
    path = tmp_path / "r.safetensors"
    result = rexd("fit", demos_file, "-o", path, "--updates", 20, "--goal", "0:1", "--relative", "1", "--relative-is",
                  "desired-achieved")  # fmt: skip
    assert result.status == 0, result.err
    columns = load_reward(path).encoder_.columns
    assert (columns.goals.to_dict(), columns.obs_dim) == (
        {"desired": [0], "reached": [1], "relative": "desired-achieved"},
        3,
    )
    scored = rexd("score", path, demos_file, "--json")  # the rows of the fit are others than those of the file
    assert scored.status == 0, scored.err
    assert [part["length"] for part in json.loads(scored.out)["trajectories"]] == [40, 40, 40, 40]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--goal", "0:1"), "--goal is given without --relative"),
        (("--relative", "1"), "--relative is given without --goal"),
        (("--goal", "0:2", "--relative", "2"), "goal has 2 columns, [0, 1], and what is reached has 1, [2]"),
        (("--goal", "1", "--relative", "1"), "share a column"),
        (("--goal", "0", "--relative", "7"), "columns '7' do not exist; the observations have columns 0 to 2"),
    ],
)
def test_columns_that_cannot_be_those_of_a_goal(rexd, demos_file, tmp_path, options, message):
    result = rexd("fit", demos_file, "-o", tmp_path / "r.safetensors", *options)
    assert result.status != 0
    assert message in " ".join(result.err.split())
    assert not (tmp_path / "r.safetensors").exists()
