"""A run that is killed at a checkpoint and resumed is the run that was never killed, bit for bit."""

import json

import gymnasium
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import rexd
from rexd.rl.observers.observer import Silent
from rexd.rl.training import run_folder as files
from rexd.rl.training.run_folder import load_checkpoint

SMALL = {
    "steps": 450,
    "evaluate_every": 150,  # in the middle of an episode, of 200 steps
    "evaluation_episodes": 1,
    "final_episodes": 1,
    "batch_size": 16,
    "warm_start": 5,
    "updates_every": 10,
    "seed": 3,
}
TIMES = ("seconds", "zips")


class Killed(Exception):  # noqa: N818
    """In the place of a signal: nothing after it is done."""


class Watch(Silent):
    def __init__(self, kill_at=None):
        self.kill_at, self.said = kill_at, []

    def evaluated(self, record):
        if record["steps"] == self.kill_at:
            raise Killed

    def message(self, text):
        self.said.append(text)


def run(folder, env="Pendulum-v1", kill_at=None, **settings):
    watch = Watch(kill_at)
    demos = rexd.bundled_demonstrations("Pendulum-v1").first(2)
    reward = rexd.RED(updates=20, target_layers=(16,), predictor_layers=(8,), outputs=8).fit(demos)
    rexd.train(demos, env=env, out=folder, reward=reward, resume=True, observer=watch, **{**SMALL, **settings})
    return watch


def without_times(found):
    return {name: value for name, value in found.items() if name not in TIMES}


def results(folder):
    return {
        "checkpoint": {name: array.tobytes() for name, array in load_file(folder / "checkpoint.safetensors").items()},
        "policies": [load_file(folder / f"{name}.safetensors") for name in ("policy", "last_policy")],
        "metrics": [without_times(json.loads(line)) for line in (folder / "metrics.jsonl").read_text().splitlines()],
        "evaluation": without_times(json.loads((folder / "evaluation.json").read_text())),
    }


def assert_same(one, other):
    assert one["metrics"] == other["metrics"]
    assert one["evaluation"] == other["evaluation"]
    assert one["checkpoint"].keys() == other["checkpoint"].keys()
    assert [name for name, array in one["checkpoint"].items() if other["checkpoint"][name] != array] == []
    for mine, theirs in zip(one["policies"], other["policies"], strict=True):
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize(
    ("algorithm", "more"),
    [
        pytest.param("sb3-sac", {}, marks=pytest.mark.slow),
        pytest.param("sbx-sac", {"actor_starts": 50, "actor_ramp": 50}, marks=pytest.mark.slow),
        ("sb3-ppo", {"environments": 2, "episode_steps": 70}),  # an episode that is cut is under way
    ],
)
def test_killed_at_each_evaluation(tmp_path, algorithm, more):
    run(tmp_path / "whole", algorithm=algorithm, **more)
    for kill_at in (150, 300):
        with pytest.raises(Killed):
            run(tmp_path / "killed", kill_at=kill_at, algorithm=algorithm, **more)
    assert "resuming at 300 of 450 steps" in run(tmp_path / "killed", algorithm=algorithm, **more).said
    assert_same(results(tmp_path / "whole"), results(tmp_path / "killed"))


class Beside:
    """In the place of a process of its own: a verdict is found when it is asked for."""

    def __init__(self, judge):
        self.judge, self.given, self.asked, self.used = judge, [], 0, 0

    def begin(self, policy, standing):
        self.given.append((policy, standing))

    def ready(self):
        self.asked += 1
        return self.asked % 7 == 0 or len(self.given) == 1

    def verdict(self):
        self.used += 1
        return self.judge(*self.given[-1])

    def close(self):
        pass


def without_recent(found):
    """Leave out the policies of an ensemble: a checkpoint keeps one more while the latest is being judged."""
    kept = {name: array for name, array in found["checkpoint"].items() if not name.startswith("recent.")}
    return {**found, "checkpoint": kept}


@pytest.mark.slow
@pytest.mark.parametrize("ensemble", [1, 3])
def test_evaluations_beside_the_training_change_nothing(tmp_path, monkeypatch, ensemble):
    more = {"algorithm": "sb3-ppo", "environments": 2, "steps": 750, "ensemble": ensemble}
    run(tmp_path / "alone", **more)
    started = []

    def start(judge):
        started.append(Beside(judge))
        return started[-1]

    monkeypatch.setattr("rexd.rl.selection.judging.WORTH", 0.0)
    monkeypatch.setattr("rexd.rl.selection.judging.cores", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("rexd.rl.selection.judging.JudgingProcess.start", start)
    run(tmp_path / "beside", **more)
    assert [process.used for process in started] == [5]
    with pytest.raises(Killed):
        run(tmp_path / "killed", kill_at=450, **more)
    progress = load_checkpoint(tmp_path / "killed")[1]
    assert progress["pending"]["steps"] == 450  # it was killed in the middle of this evaluation, as seen from the file
    run(tmp_path / "killed", **more)
    save, saves = files.save_checkpoint, []

    def fourth_fails(*given):
        saves.append(given)
        if len(saves) == 4:  # the policy that is judged next lies in the folder, and the checkpoint is the earlier one
            raise Killed
        save(*given)

    with monkeypatch.context() as patch:
        patch.setattr(files, "save_checkpoint", fourth_fails)
        with pytest.raises(Killed):
            run(tmp_path / "between", **more)
    assert load_checkpoint(tmp_path / "between")[1]["pending"]["steps"] == 450
    run(tmp_path / "between", **more)
    alone = without_recent(results(tmp_path / "alone"))
    for name in ("beside", "killed", "between"):
        assert_same(alone, without_recent(results(tmp_path / name)))


class Hidden(gymnasium.Wrapper):
    """A part of the state that neither the actions nor the generator tell."""

    made = 0

    def reset(self, **given):
        type(self).made += 1
        return self.env.reset(**given)

    def step(self, action):
        observation, *rest = self.env.step(action)
        return observation * np.float32(1.0 - 1e-3 * self.made), *rest


def test_an_episode_that_cannot_be_played_again_is_told(tmp_path):
    settings = {"env": lambda: Hidden(gymnasium.make("Pendulum-v1")), "algorithm": "sb3-ppo", "steps": 300}
    with pytest.raises(Killed):
        run(tmp_path, kill_at=150, **settings)
    assert any("cannot be played again, and a new one begins" in text for text in run(tmp_path, **settings).said)


def test_a_checkpoint_of_an_earlier_version_goes_on_with_a_new_episode(tmp_path):
    settings = {"algorithm": "sb3-ppo", "steps": 300}
    with pytest.raises(Killed):
        run(tmp_path, kill_at=150, **settings)
    path = tmp_path / "checkpoint.safetensors"
    kept = {name: array for name, array in load_file(path).items() if not name.startswith("resume.")}
    save_file(kept, path, metadata={"progress": json.dumps({"best": -1e9, "selection_steps": 0, "seconds": 1.0})})
    said = run(tmp_path, **settings).said
    assert any("a new one begins" in text for text in said)
    assert json.loads((tmp_path / "evaluation.json").read_text())["steps"] == 300
