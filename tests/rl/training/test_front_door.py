"""What ``rexd.train`` takes and records, on a learner that steps its environment and learns nothing."""

import json
import platform

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit

pytest.importorskip("stable_baselines3")

import torch
from steering import CONFIG, LENGTH, Steer, demonstrations, steer

import rexd
from rexd.errors import RexdError, RunError, TaskError
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reward.red.red import RED
from rexd.rl.observers.observer import Silent
from rexd.rl.policies.policy import Policy, PolicySpec
from rexd.rl.training import learner as module
from rexd.rl.training import provenance


class Stepping:
    """A learner that steps its environment with no push, and keeps what it saw."""

    def __init__(self, config, env, scale, replay, hindsight):
        self.steps, self.env, self.observation = 0, env, None
        Stepping.seen, Stepping.cut, Stepping.scale, Stepping.replay = [], 0, scale, replay

    def learn(self, steps, callback):
        if self.observation is None:
            self.env.seed(0)
            self.observation = self.env.reset()
        for _ in range(steps):
            self.steps += 1
            self.observation, _, dones, infos = self.env.step(np.zeros((1, 1)))
            Stepping.seen.append(float(self.observation[0, 0]))
            Stepping.cut += bool(dones[0] and infos[0]["true_episode"]["l"] < LENGTH)

    def losses(self):
        return {}

    def policy(self):
        return Policy(PolicySpec("gaussian", "relu", (-2.0,), (1.0,)), [(torch.zeros(1, 3), torch.zeros(1))], None)

    def state(self):
        return {"steps": np.array(self.steps)}

    def load_state(self, state):
        self.steps = int(state["steps"])

    def save_zip(self, path):
        path.write_text("")


class Pays(RED):
    """Stands for a fitted model."""

    def predict(self, obs, act=None, next_obs=None, step=None):
        return np.full(len(obs), 0.5, np.float32)

    def save(self, path):
        path.write_text("a reward")
        return path


class Messages(Silent):
    def __init__(self):
        self.told = []

    def message(self, text):
        self.told.append(text)


@pytest.fixture
def stepping(monkeypatch, tmp_path):
    """Train the learner that steps in ``tmp_path / "run"``, with demonstrations of its task in memory."""
    monkeypatch.setattr(module, "_learner_class", lambda config: Stepping)

    def stepping(given=None, *, env=steer, **kwargs):
        given = demonstrations() if given is None else given
        return rexd.train(given, env=env, **{"out": tmp_path / "run", "reward": Pays(), "config": CONFIG, **kwargs})

    return stepping


def recorded(run):
    return json.loads((run.path / "config.json").read_text())


@pytest.mark.parametrize("kind", ["path", "text", "pair", "dicts"])
def test_demonstrations_of_every_kind_are_the_same(stepping, tmp_path, kind):
    demos = demonstrations()
    rows = [np.concatenate([t.observations, t.next_observations[-1:]]) for t in demos]
    actions = [t.actions for t in demos]
    file = save_demonstrations(demos, tmp_path / "demos.npz")
    given = {
        "path": file,
        "text": str(file),
        "pair": (rows, actions),
        "dicts": [{"observations": o, "actions": a} for o, a in zip(rows, actions, strict=True)],
    }[kind]
    run = stepping(given)
    assert recorded(run)["demonstrations_sha256"] == recorded(stepping(out=tmp_path / "other"))["demonstrations_sha256"]
    assert len(Stepping.replay.reward) == demos.n_transitions


def test_fit_takes_what_train_takes(tmp_path):
    demos = demonstrations()
    file = save_demonstrations(demos, tmp_path / "demos.npz")
    known, found = (rexd.RED(CONFIG.reward).fit(given) for given in (demos, str(file)))
    rows = demos.transitions()
    np.testing.assert_array_equal(known.predict(rows.obs, rows.act), found.predict(rows.obs, rows.act))
    pair = [t.observations for t in demos], [t.actions for t in demos]
    assert len(rexd.RED(CONFIG.reward).fit(pair).held_out_novelty_) == demos.n_transitions


def test_a_class_is_recorded_by_its_reference(stepping):
    run = stepping(env=steer)
    assert (run.env, run.env_reference) == ("steer", "steering:steer")
    again = stepping(env=steer, resume=True, final_episodes=2)
    assert again.evaluation["true"]["n"] == 2


def test_an_instance_is_made_again_and_left_alone(stepping, monkeypatch):
    env = gymnasium.make("Steer-v0", terminates=True, max_episode_steps=7)
    env.reset(seed=3)
    monkeypatch.setattr(env.unwrapped, "step", lambda action: pytest.fail("the instance was played"))
    monkeypatch.setattr(env.unwrapped, "close", lambda: pytest.fail("the instance was closed"))
    before = env.unwrapped.state.copy()
    run = stepping(env=env)
    assert (run.env, run.env_reference) == ("Steer-v0", None)
    assert run.env_kwargs == {"terminates": True, "max_episode_steps": 7}
    assert max(episode["length"] for episode in run.evaluation["episodes"]) <= 7
    np.testing.assert_array_equal(env.unwrapped.state, before)


def test_an_instance_without_a_spec_is_used_in_turns(stepping, monkeypatch, tmp_path):
    env, watch = TimeLimit(Steer(), LENGTH), Messages()
    monkeypatch.setattr(env.unwrapped, "close", lambda: pytest.fail("the instance was closed"))
    run = stepping(env=env, observer=watch)
    assert "one environment that cannot be made again: it has no spec" in watch.told[0]
    assert [episode["length"] for episode in run.evaluation["episodes"]] == [LENGTH] * 3
    assert Stepping.cut == 2  # the evaluations at 40 and 80 steps came within an episode
    first = list(Stepping.seen)
    own = stepping(env=lambda: TimeLimit(Steer(), LENGTH), out=tmp_path / "own")
    assert first[:40] == Stepping.seen[:40]
    assert own.evaluation["episodes"] == run.evaluation["episodes"]
    stepping(env=TimeLimit(Steer(), LENGTH), out=tmp_path / "again")
    assert Stepping.seen == first
    assert Stepping.cut == 2


def test_one_instance_cannot_be_several(stepping):
    with pytest.raises(RexdError, match="environments is 2, and Steer is one environment that cannot be made again"):
        stepping(env=TimeLimit(Steer(), LENGTH), algorithm="sb3-ppo", environments=2)


def test_what_is_no_environment(stepping, tmp_path):
    with pytest.raises(TaskError, match="env is of type NoneType"):
        stepping(env=None)
    assert not (tmp_path / "run").exists()


def test_a_run_says_where_it_comes_from(stepping):
    found = recorded(stepping())
    assert found["versions"]["python"] == platform.python_version()
    assert {"rexd", "torch", "gymnasium", "stable-baselines3", "numpy"} <= found["versions"].keys()
    assert found["versions"]["torch"] == torch.__version__
    assert found["processor"]
    assert found["date"][:2] == "20"
    assert found["date"].endswith("+00:00")
    assert found["command"] is None


def test_where_a_run_comes_from_is_no_setting(stepping, monkeypatch):
    stepping(steps=40)
    monkeypatch.setattr(provenance, "versions", lambda: {"torch": "99"})
    monkeypatch.setattr(provenance, "processor", lambda: "another")
    run = stepping(steps=80, resume=True)
    assert (recorded(run)["versions"], recorded(run)["processor"]) == ({"torch": "99"}, "another")
    with pytest.raises(RunError, match="differs in seed"):
        stepping(steps=80, resume=True, seed=5)


def test_a_run_tells_what_it_is(stepping, tmp_path):
    run = stepping()
    lines = repr(run).splitlines()
    assert lines[0] == f"<Run {tmp_path / 'run'}: steer, sbx-sac, 100 steps, seed 0"
    mean = run.evaluation["learned"]["mean"]
    assert lines[1].startswith(f" returns over 3 episodes: learned {mean:,.4g} ± ")
    assert len(lines) == 2
    (run.path / "evaluation.json").unlink()
    assert repr(rexd.rl.training.run_folder.load_run(run.path)).endswith("not finished; resume=True continues it>")
