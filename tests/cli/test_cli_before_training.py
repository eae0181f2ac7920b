"""``rexd train`` and what the doctor says of its reward: lines, the file in the run folder, and --strict."""

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("stable_baselines3")

from line_task import ENV
from pixel_task import watched

from rexd.cli.before_training import Examination
from rexd.cli.show.output import stderr
from rexd.reading.anything import demonstrations_of
from rexd.rl.training.run_folder import DIAGNOSIS_FILE, load_run

SHORT = (
    "--env", ENV, "--algorithm", "sb3-ppo", "--steps", 40, "--evaluate-every", 20, "--evaluation-episodes", 1,
    "--final-episodes", 1, "--warm-start", 0, "--batch-size", 10, "--reward.updates", 20,
)  # fmt: skip
FLAT = ("--reward.shape", "exponential", "--reward.sigma", "1e-6")


@pytest.fixture
def train(rexd, demos_file, tmp_path):
    """Train shortly in a folder of ``tmp_path``."""

    def train(name, *words):
        return rexd("train", demos_file, *SHORT, "--out", tmp_path / name, *words), tmp_path / name

    return train


@pytest.mark.slow
def test_a_run_says_its_grade_and_keeps_the_diagnosis(train, tmp_path):
    result, folder = train("run", *FLAT)
    assert result.status == 0, result.err
    assert "diagnosis of the reward: poor" in result.err
    assert "WARNING: flat: the reward pays everything alike" in result.err
    found = json.loads((folder / DIAGNOSIS_FILE).read_text())
    assert (found["status"], found["grade"]["word"]) == ("errors", "poor")
    names = [probe["name"] for probe in found["probes"]]
    assert {"random policy", "zero actions", "clone of the demonstrations"} <= set(names)
    assert not any("action noise" in name and "clone" in name for name in names)  # which would have to be played
    again, _ = train("run", *FLAT, "--resume")
    assert "diagnosis" not in again.err


def test_strict_stops_before_the_training_until_it_is_left_out(train, tmp_path):
    result, folder = train("run", *FLAT, "--strict")
    assert result.status == 2
    assert "no training begins, since the diagnosis of the reward has errors" in result.err.splitlines()[-1]
    assert load_run(folder).evaluation is None
    assert not (folder / "checkpoint.safetensors").exists()
    again, _ = train("run", *FLAT, "--strict", "--resume", "--json")
    assert again.status == 2
    assert again.json["status"] == "errors"
    assert again.json["diagnosis"] == json.loads((folder / DIAGNOSIS_FILE).read_text())
    assert load_run(folder).evaluation is None
    last, _ = train("run", *FLAT, "--resume")
    assert last.status == 0, last.err
    assert load_run(folder).evaluation is not None


def test_strict_needs_a_reward_to_judge(fails, demos_file):
    for source in ("env", "constant", "adversarial"):
        assert f"--reward {source} has none" in fails("train", demos_file, "--strict", "--reward", source)


@pytest.mark.parametrize("content", ['{"status": "fine"}', "[]", "{"])
def test_a_damaged_diagnosis_is_told(train, fails, demos_file, content):
    _, folder = train("run", *FLAT, "--strict")
    (folder / DIAGNOSIS_FILE).write_text(content)
    words = ("train", demos_file, *SHORT, *FLAT, "--out", folder, "--resume", "--strict")
    message = fails(*words)
    assert DIAGNOSIS_FILE in message
    assert "without --strict" in message


def test_what_cannot_be_diagnosed_does_not_end_a_run(tmp_path, capfd):
    model = SimpleNamespace(config=SimpleNamespace(type="red", seed=0))
    examination = Examination(tmp_path, strict=True)
    assert examination.examine(model, demonstrations_of(watched()), None, stderr())
    assert "the reward is not diagnosed" in capfd.readouterr().err
    assert (list(tmp_path.iterdir()), examination.status, examination.stops) == ([], 0, False)


def test_a_reward_from_a_file_is_judged_on_the_demonstrations(rexd, train, demos_file, tmp_path):
    file = tmp_path / "reward.safetensors"
    rexd("fit", demos_file, "-o", file, "--updates", 20, "--shape", "exponential", "--sigma", "1e-6")
    result, folder = train("run", "--reward", file, "--strict")
    assert result.status == 2
    names = [probe["name"] for probe in json.loads((folder / DIAGNOSIS_FILE).read_text())["probes"]]
    assert "expert states, random actions" in names
    assert "random policy" not in names
