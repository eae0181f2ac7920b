"""Whole runs. Those on a scripted learner test the loop and its folder; the others train for a hundred steps."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

pytest.importorskip("sbx")

import sbx
import torch
from safetensors.numpy import load, load_file
from steering import CONFIG, LENGTH, REWARD, demonstrations, steer, steer_for_random_pay

import rexd
from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RewardFileError, RexdError, RunError, SpaceMismatchError
from rexd.evaluation.evaluate import Episode, Evaluation
from rexd.evaluation.statistics import summarise
from rexd.reading.formats.d4rl import save_d4rl
from rexd.reading.load import load_demonstrations
from rexd.reward.red.red import RED
from rexd.rl.config import TrainConfig
from rexd.rl.observers.observer import Silent
from rexd.rl.policies.cloning import clone
from rexd.rl.policies.policy import Policy, PolicySpec, load_policy
from rexd.rl.selection.judge import CONFIRMATIONS
from rexd.rl.training import learner as module
from rexd.rl.training import run_folder as files
from rexd.rl.training.reward_in_env import Played, beginner_cloning, beginner_episodes
from rexd.rl.training.run_folder import load_run
from rexd.rl.training.train import train


def content(data):
    """Every tensor of a safetensors file, bit for bit; its metadata come in any order."""
    return {name: array.tobytes() for name, array in load(data).items()}


STEPS = [40, 80, 100]
# of an evaluation each, and of the confirmation of the first, the best
SELECTION_STEPS = (len(STEPS) + CONFIRMATIONS) * CONFIG.evaluation_episodes * LENGTH
FILES = {
    "config.json",
    "reward.safetensors",
    "policy.safetensors",
    "policy.zip",
    "last_policy.safetensors",
    "last_policy.zip",
    "checkpoint.safetensors",
    "metrics.jsonl",
    "evaluation.json",
    "tensorboard",
}


class Killed(Exception):  # noqa: N818 - not an error of the run
    """Stands for a power cut."""


class Watching(Silent):
    """Keeps everything, and the policy of each evaluation; raises after the evaluation at ``kill_at``."""

    def __init__(self, folder=None, kill_at=None):
        self.folder, self.kill_at = folder, kill_at
        self.messages, self.fits, self.reports, self.progress, self.records, self.policies = [], [], [], [], [], {}
        self.torch_threads = set()

    def message(self, text):
        self.messages.append(text)

    def fit(self, done, total):
        self.fits.append((done, total))

    def checks(self, checks, warnings):
        self.reports.append((checks, warnings))

    def step(self, steps, total, learned_return):
        self.progress.append((steps, total, learned_return))

    def evaluated(self, record):
        self.records.append(record)
        self.torch_threads.add(torch.get_num_threads())
        if self.folder is not None:
            self.policies[record["steps"]] = (self.folder / "last_policy.safetensors").read_bytes()
        if record["steps"] == self.kill_at:
            raise Killed


def steps_of(run):
    return [record["steps"] for record in run.metrics()]


# ---------------------------------------------------------------------------------------------------------------------
# A scripted learner


SCRIPT = {40: 0.4, 80: -1.0, 100: 0.2, 120: 0.8, 140: 0.0}
"""The action that the learner's policy takes in every state, by its number of steps."""


class Scripted:
    """A learner that learns nothing, at once."""

    asked = ()

    def __init__(self, config, env, scale, replay, hindsight):
        self.steps = 0
        Scripted.asked = []

    def learn(self, steps, callback):
        Scripted.asked.append(steps)
        self.steps += steps

    def losses(self):
        return {"none": 0.5}

    def policy(self):
        action = torch.tensor([SCRIPT[self.steps]])
        return Policy(PolicySpec("gaussian", "relu", (-2.0,), (1.0,)), [(torch.zeros(1, 3), action)], None)

    def state(self):
        return {"steps": np.array(self.steps)}

    def load_state(self, state):
        self.steps = int(state["steps"])

    def save_zip(self, path):
        path.write_text(str(self.steps))


class PaysPush(RED):
    """Stands for a fitted model: a push of 1 earns 0.75, none 0.5, one of -2 nothing."""

    def predict(self, obs, act=None, next_obs=None, step=None):
        return (0.5 + 0.25 * act[:, 0]).astype(np.float32)

    def save(self, path):
        path.write_text("a reward")
        return path


class PaysPull(gymnasium.Wrapper):
    """The environment's own reward is the opposite."""

    def step(self, action):
        observation, _, terminated, truncated, info = self.env.step(action)
        return observation, -float(action[0]), terminated, truncated, info


def pull():
    return PaysPull(steer())


@pytest.fixture
def scripted(monkeypatch, tmp_path):
    """Train the scripted learner in ``tmp_path / "run"``."""
    monkeypatch.setattr(module, "_learner_class", lambda config: Scripted)

    def scripted(config=CONFIG, **kwargs):
        arguments = {"env": pull, "out": tmp_path / "run", "reward": PaysPush(), "config": config, **kwargs}
        return train(demonstrations(), **arguments)

    return scripted


class TestLoop:
    def test_evaluations_come_at_even_steps_and_at_the_end(self, scripted):
        run = scripted()
        assert steps_of(run) == STEPS
        assert Scripted.asked == [40, 40, 20]
        assert run.evaluation["steps"] == 100

    def test_steps_that_divide_evenly_end_with_one_evaluation(self, scripted):
        assert steps_of(scripted(replace(CONFIG, steps=80))) == [40, 80]

    def test_fewer_steps_than_an_evaluation_takes(self, scripted):
        assert steps_of(scripted(replace(CONFIG, steps=40, evaluate_every=1000))) == [40]

    def test_the_best_is_chosen_by_learned_return_whatever_the_environment_pays(self, scripted):
        run = scripted()
        metrics = run.metrics()
        for record in metrics:
            push = SCRIPT[record["steps"]]
            assert record["learned_return"] == pytest.approx(LENGTH * (0.5 + 0.25 * push), abs=1e-4)
            assert record["true_return"] == pytest.approx(-LENGTH * push, abs=1e-4)
            assert record["length"] == LENGTH
            assert record["loss/none"] == 0.5
        assert [record["selected"] for record in metrics] == [True, False, False]
        assert max(metrics, key=lambda record: record["true_return"])["steps"] == 80
        assert run.evaluation["selected_at"] == 40
        assert run.evaluation["true"]["mean"] == pytest.approx(-LENGTH * 0.4, abs=1e-4)
        assert run.policy().predict(np.zeros(3))[0] == pytest.approx([0.4])
        assert load_policy(run.path / "last_policy.safetensors").predict(np.zeros(3))[0] == pytest.approx([0.2])
        assert (run.path / "policy.zip").read_text() == "40"
        assert (run.path / "last_policy.zip").read_text() == "100"

    def test_a_policy_that_was_lucky_in_its_few_episodes_is_not_selected(self, scripted, monkeypatch):
        few, many = CONFIG.evaluation_episodes, CONFIG.evaluation_episodes * CONFIRMATIONS
        learned = {few: iter([10.0, 30.0, 20.0]), many: iter([10.0, 2.0, 16.0]), CONFIG.final_episodes: iter([0.0])}
        assert few != CONFIG.final_episodes != many
        seeds = []

        def play(make_env, policy, reward, *, episodes, seed):
            seeds.append(seed)
            returns = [next(learned[episodes])] * episodes
            summary = summarise(returns)
            return Evaluation(tuple(Episode(0.0, earned, LENGTH) for earned in returns), summary, summary)

        monkeypatch.setattr("rexd.rl.selection.judge.evaluate", play)
        metrics = scripted().metrics()
        assert [record["learned_return"] for record in metrics] == [10.0, 30.0, 20.0]
        assert [record["confirmed_return"] for record in metrics] == [10.0, 9.0, 17.0]
        assert [record["selected"] for record in metrics] == [True, False, True]
        assert len(set(seeds)) == 3  # the episodes that confirm are others, and so are those of the result

    def test_an_ensemble_is_of_the_latest_policies(self, scripted):
        """The mean action of 40 and 80, then of 80 and 100."""
        run = scripted(replace(CONFIG, ensemble=2))
        pushes = [0.4, (0.4 - 1.0) / 2, (-1.0 + 0.2) / 2]
        found = [record["learned_return"] for record in run.metrics()]
        assert found == pytest.approx([LENGTH * (0.5 + 0.25 * push) for push in pushes], abs=1e-4)
        assert load_policy(run.path / "last_policy.safetensors").predict(np.zeros(3))[0] == pytest.approx([-0.4])
        assert run.policy().predict(np.zeros(3))[0] == pytest.approx([0.4])

    def test_the_final_evaluation_is_of_fresh_episodes(self, scripted):
        evaluation = scripted().evaluation
        assert len(evaluation["episodes"]) == CONFIG.final_episodes
        assert evaluation["selection_steps"] == SELECTION_STEPS
        assert evaluation["seconds"] >= 0.0

    def test_one_episode_is_enough(self, scripted):
        run = scripted(replace(CONFIG, final_episodes=1, evaluation_episodes=1))
        assert [run.evaluation["true"][name] for name in ("std", "low", "high")] == [None] * 3
        assert run.metrics()[0]["true_return_std"] is None

    def test_of_a_file_larger_than_memory_some_rows_are_drawn(self, scripted, tmp_path, monkeypatch):
        pytest.importorskip("h5py")
        file, shown = save_d4rl(demonstrations(), tmp_path / "demos.hdf5"), []
        monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 0)
        monkeypatch.setattr("rexd.demos.demonstrations.MOST_ROWS", 40)
        learner = lambda *args: shown.append(args[3]) or Scripted(*args)  # noqa: E731
        monkeypatch.setattr(module, "_learner_class", lambda config: learner)
        watch = Watching()
        arguments = {"env": pull, "out": tmp_path / "run", "reward": PaysPush(), "config": replace(CONFIG, seed=3)}
        train(load_demonstrations(file), observer=watch, **arguments)
        assert "used 40 of 60 transitions, drawn uniformly (seed 3)" in watch.messages
        assert len(shown[0].obs) == 40
        train(load_demonstrations(file), resume=True, **arguments)  # the same rows again

    def test_the_settings_are_kept(self, scripted, tmp_path):
        run = scripted(env_kwargs={}, seed=4)
        content = json.loads((tmp_path / "run" / "config.json").read_text())
        assert content["env"] == "pull"
        assert content["demonstrations_sha256"] == demonstrations().clip_actions(-2.0, 1.0).sha256
        assert run.config == replace(CONFIG, seed=4, algorithm="sbx-sac")

    def test_a_folder_in_use_is_left_alone(self, scripted, tmp_path):
        scripted()
        before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
        with pytest.raises(RunError, match=r"exists\. Resume the run there with --resume, or choose another"):
            scripted()
        assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()} == before


class TestResume:
    def test_after_an_evaluation(self, scripted, tmp_path):
        with pytest.raises(Killed):
            scripted(observer=Watching(kill_at=80))
        assert load_run(tmp_path / "run").evaluation is None
        watch = Watching()
        run = scripted(resume=True, observer=watch)
        assert Scripted.asked == [20]
        assert steps_of(run) == STEPS
        assert run.evaluation["selected_at"] == 40  # the best of before is remembered
        assert (run.path / "policy.zip").read_text() == "40"
        assert run.evaluation["selection_steps"] == SELECTION_STEPS
        assert "resuming at 80 of 100 steps" in watch.messages
        assert [record["steps"] for record in watch.records] == [100]
        seconds = [record["seconds"] for record in run.metrics()]
        assert seconds == sorted(seconds)

    @pytest.mark.parametrize("kill_at", [40, 80])
    def test_an_ensemble_goes_on_with_its_members(self, scripted, kill_at):
        config = replace(CONFIG, ensemble=3)
        with pytest.raises(Killed):
            scripted(config, observer=Watching(kill_at=kill_at))
        run = scripted(config, resume=True)
        last = load_policy(run.path / "last_policy.safetensors").predict(np.zeros(3))[0]
        assert last == pytest.approx([(0.4 - 1.0 + 0.2) / 3])

    def test_between_metrics_and_checkpoint(self, scripted, tmp_path, monkeypatch):
        save, saves = files.save_checkpoint, []

        def second_fails(*args):
            saves.append(args)
            if len(saves) == 2:
                raise Killed
            save(*args)

        monkeypatch.setattr(files, "save_checkpoint", second_fails)
        with pytest.raises(Killed):
            scripted()
        assert steps_of(load_run(tmp_path / "run")) == [40, 80]
        run = scripted(resume=True)
        assert Scripted.asked == [40, 20]
        assert steps_of(run) == STEPS

    def test_before_the_first_evaluation(self, scripted, monkeypatch):
        def fail(*args):
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Scripted, "learn", fail)
            with pytest.raises(Killed):
                scripted()
        assert steps_of(scripted(resume=True)) == STEPS

    def test_before_the_final_evaluation(self, scripted, tmp_path):
        with pytest.raises(Killed):
            scripted(observer=Watching(kill_at=100))
        run = scripted(resume=True)
        assert Scripted.asked == []
        assert steps_of(run) == STEPS
        assert run.evaluation["selected_at"] == 40

    def test_a_finished_run_comes_back_at_once(self, scripted, monkeypatch):
        first = scripted()
        monkeypatch.setattr(module, "_learner_class", None)
        assert scripted(resume=True) == first

    def test_a_run_may_be_prolonged(self, scripted):
        scripted()
        run = scripted(replace(CONFIG, steps=140), resume=True)
        assert Scripted.asked == [20, 20]
        assert steps_of(run) == [*STEPS, 120, 140]
        assert run.evaluation["steps"] == 140
        assert run.evaluation["selected_at"] == 120
        assert run.config.steps == 140

    def test_more_final_episodes_are_played_without_training(self, scripted):
        scripted()
        run = scripted(replace(CONFIG, final_episodes=5), resume=True)
        assert Scripted.asked == []
        assert len(run.evaluation["episodes"]) == 5

    def test_other_settings_are_refused_by_name(self, scripted, tmp_path):
        scripted()
        other = replace(CONFIG, seed=1, reward=replace(REWARD, updates=61))
        with pytest.raises(RunError, match=r"cannot resume, the run there differs in reward\.updates, seed"):
            scripted(other, resume=True)
        with pytest.raises(RunError, match="differs in demonstrations_sha256"):
            train(demonstrations(4), env=pull, out=tmp_path / "run", reward=PaysPush(), config=CONFIG, resume=True)

    @pytest.mark.parametrize("share", [0.0, 0.5])
    def test_a_damaged_checkpoint(self, scripted, tmp_path, share):
        with pytest.raises(Killed):
            scripted(observer=Watching(kill_at=80))
        path = tmp_path / "run" / "checkpoint.safetensors"
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(RunError, match="damaged checkpoint"):
            scripted(resume=True)


class TestRefused:
    def refuses(self, tmp_path, error, message, demos, **kwargs):
        with pytest.raises(error, match=message):
            train(demos, **{"env": steer, "out": tmp_path / "run", "config": CONFIG, **kwargs})

    def test_demonstrations_of_another_width(self, tmp_path):
        narrow = demonstrations().select_columns([0, 1])
        self.refuses(tmp_path, SpaceMismatchError, "2 observation columns, the environment has 3", narrow)
        assert not (tmp_path / "run").exists()

    def test_continuous_demonstrations_of_a_discrete_task(self, tmp_path):
        self.refuses(tmp_path, SpaceMismatchError, "discrete", demonstrations(), env_kwargs={"discrete": True})

    @pytest.mark.parametrize("source", ["learned", "constant", "adversarial"])
    def test_no_demonstrations(self, tmp_path, source):
        message = f"reward_source is '{source}', which needs demonstrations; only 'env' does without"
        self.refuses(tmp_path, RexdError, message, None, reward_source=source)
        assert not (tmp_path / "run").exists()

    def test_an_algorithm_that_cannot_choose(self, tmp_path):
        chosen = (
            replace(t, actions=(t.actions[:, 0] > 0.0).astype(np.int64)) for t in demonstrations()
        )  # which way the expert pushed
        demos = Demonstrations(tuple(chosen))
        message = "sbx-sac needs continuous actions.*algorithm='auto', which chooses sbx-sac-discrete"
        self.refuses(tmp_path, RexdError, message, demos, env_kwargs={"discrete": True}, algorithm="sbx-sac")
        message = "sbx-sac-discrete needs discrete actions.*algorithm='auto'"
        self.refuses(tmp_path, RexdError, message, demonstrations(), algorithm="sbx-sac-discrete")

    def test_a_setting_that_does_not_exist(self, tmp_path):
        message = "unknown training settings: stepss. Did you mean 'steps'?"
        self.refuses(tmp_path, RexdError, message, demonstrations(), stepss=1)


# ---------------------------------------------------------------------------------------------------------------------
# Runs that learn


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A run of the default algorithm, and who watched it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    watch, before = Watching(folder), torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        return train(demonstrations(), env="Steer-v0", out=folder, config=CONFIG, observer=watch), watch
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="module")
def finished(watched):
    return watched[0]


def test_the_environment_s_reward_cannot_reach_the_learner(finished, tmp_path):
    """The same run where the environment pays and reports random numbers: every learnt bit must be the same."""
    other = train(demonstrations(), env=steer_for_random_pay, out=tmp_path / "run", config=CONFIG)
    expected, found = (load_file(run.path / "checkpoint.safetensors") for run in (finished, other))
    assert found.keys() == expected.keys()
    different = [name for name in expected if found[name].tobytes() != expected[name].tobytes()]
    assert different == []
    assert expected["buffer.rewards"].std() > 0.0
    for name in ("policy.safetensors", "last_policy.safetensors", "reward.safetensors"):
        assert content((other.path / name).read_bytes()) == content((finished.path / name).read_bytes())
    for first, second in zip(finished.metrics(), other.metrics(), strict=True):
        assert first["learned_return"] == second["learned_return"]
        assert first["selected"] == second["selected"]
        assert abs(first["true_return"] - second["true_return"]) > 10.0
    assert finished.evaluation["learned"] == other.evaluation["learned"]
    assert finished.evaluation["true"] != other.evaluation["true"]


def test_the_folder_is_complete(finished):
    assert {path.name for path in finished.path.iterdir()} == FILES
    assert finished.env == "Steer-v0"
    assert finished.config == replace(CONFIG, algorithm="sbx-sac")  # what auto chose is recorded
    assert finished.config == TrainConfig.from_dict(json.loads((finished.path / "config.json").read_text())["train"])


def test_steps_are_exactly_those_asked_for(finished):
    state = load_file(finished.path / "checkpoint.safetensors")
    assert steps_of(finished) == STEPS
    assert int(state["steps"]) == CONFIG.steps
    assert len(state["buffer.rewards"]) == CONFIG.steps
    # updates come in blocks, the first of which begins before the random steps are over
    assert 0 < int(state["updates"]) <= CONFIG.steps - CONFIG.learning_starts + CONFIG.updates_every


def test_the_replayed_rewards_are_those_of_the_reward_model(finished):
    """And the buffer holds the transitions: observations on the demonstrations' scale, actions in [-1, 1]."""
    state = load_file(finished.path / "checkpoint.safetensors")
    obs = demonstrations().transitions().obs.astype(np.float64)
    before, after = (
        state[f"buffer.{name}"][:, 0] * obs.std(axis=0) + obs.mean(axis=0)
        for name in ("observations", "next_observations")
    )
    act = -2.0 + (state["buffer.actions"][:, 0] + 1.0) / 2.0 * 3.0
    step = np.arange(len(act)) % LENGTH  # one environment, whose episodes are all as long
    expected = finished.reward().predict(before, act, after, step)
    np.testing.assert_allclose(state["buffer.rewards"][:, 0], expected, atol=1e-3)


def test_the_best_has_the_highest_learned_return(watched):
    run, watch = watched
    returns = [record["confirmed_return"] or 0.0 for record in run.metrics()]  # 0 of those not worth confirming
    best = STEPS[max(range(len(STEPS)), key=lambda k: (returns[k], k))]
    assert run.evaluation["selected_at"] == best
    assert content((run.path / "policy.safetensors").read_bytes()) == content(watch.policies[best])
    assert content((run.path / "last_policy.safetensors").read_bytes()) == content(watch.policies[100])
    assert content(watch.policies[40]) != content(watch.policies[100])
    assert [record["selected"] for record in run.metrics()] == [
        r == max(returns[: k + 1]) for k, r in enumerate(returns)
    ]


def test_metrics_say_what_happened(watched):
    run, watch = watched
    assert run.metrics() == watch.records
    for record in run.metrics():
        assert 0.0 <= record["learned_return"] <= LENGTH
        assert 0.0 <= record["training_learned_return"] <= LENGTH
        assert record["true_return"] < 0.0
        assert {"loss/critic", "loss/actor", "loss/cloning", "loss/q_mean"} <= record.keys()


def test_torch_keeps_to_one_thread_beside_jax(watched):
    assert watched[1].torch_threads == {1}


def test_the_observer_is_told(watched):
    _, watch = watched
    assert watch.fits[-1] == (REWARD.updates, REWARD.updates)
    ((checks, _),) = watch.reports
    assert {"random policy", "zero actions"} <= {check.name for check in checks}
    assert [progress[:2] for progress in watch.progress] == [(50, 100), (100, 100)]
    assert watch.progress[-1][2] is not None


def test_the_reward_is_that_of_the_demonstrations(finished):
    reward = finished.reward()
    assert reward.config == REWARD
    shown = demonstrations().clip_actions(np.float32([-2.0]), np.float32([1.0]))
    cloning = beginner_cloning(shown, steer().action_space, REWARD.seed)
    beginner = Played(beginner_episodes(cloning, steer), None).beginner
    again = RED(REWARD).fit(shown, beginner=beginner)
    rows = demonstrations().transitions()
    assert reward.predict(rows.obs, rows.act).tobytes() == again.predict(rows.obs, rows.act).tobytes()
    assert [check.name for check in reward.checks_][-2:] == ["random policy", "zero actions"]


def raw_observations():
    return np.random.default_rng(0).normal([0.0, -40.0, 0.0], [1.0, 10.0, 0.5], (200, 3))


@pytest.mark.parametrize("name", ["policy", "last_policy"])
def test_policy_and_zip_play_alike(finished, name):
    played, _ = rexd.load_policy(finished.path / f"{name}.safetensors").predict(raw_observations())
    library, _ = sbx.SAC.load(finished.path / f"{name}.zip").predict(raw_observations(), deterministic=True)
    np.testing.assert_allclose(played, library, atol=1e-4)
    assert played.std() > 0.0
    assert played.min() >= -2.0
    assert played.max() <= 1.0


def test_a_run_plays_where_nothing_of_its_training_is_installed(finished, tmp_path):
    np.save(tmp_path / "raw.npy", raw_observations())
    code = (
        "import sys\n"
        "for name in ('jax', 'flax', 'sbx', 'stable_baselines3', 'gymnasium'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np, rexd\n"
        "np.save(sys.argv[3], rexd.load_policy(sys.argv[1]).predict(np.load(sys.argv[2]))[0])\n"
    )
    arguments = [str(finished.path), str(tmp_path / "raw.npy"), str(tmp_path / "out.npy")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=300)
    expected, _ = finished.policy().predict(raw_observations())
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, atol=1e-5)


def test_resuming_a_killed_run(finished, tmp_path):
    arguments = {"env": "Steer-v0", "out": tmp_path / "run", "config": CONFIG}
    with pytest.raises(Killed):
        train(demonstrations(), **arguments, observer=Watching(kill_at=80))
    before = load_file(tmp_path / "run" / "checkpoint.safetensors")
    uninterrupted = finished.metrics()
    assert load_run(tmp_path / "run").metrics()[1]["learned_return"] == uninterrupted[1]["learned_return"]
    watch = Watching()
    run = train(demonstrations(), **arguments, resume=True, observer=watch)
    assert watch.fits == []  # the reward is kept
    assert steps_of(run) == STEPS
    assert run.evaluation["steps"] == 100
    after = load_file(tmp_path / "run" / "checkpoint.safetensors")
    assert int(after["steps"]) == len(after["buffer.rewards"]) == 100
    assert after["buffer.observations"][:80].tobytes() == before["buffer.observations"].tobytes()
    assert int(after["updates"]) - int(before["updates"]) == 20


def test_a_checkpoint_of_another_learner(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    (tmp_path / "run" / "evaluation.json").unlink()
    state = load_file(tmp_path / "run" / "checkpoint.safetensors")
    del state["updates"]
    progress = {"best": 0.0, "selection_steps": 0, "seconds": 0.0}
    files.save_checkpoint(tmp_path / "run", state, progress)
    with pytest.raises(RunError, match="checkpoint: updates is nothing"):
        train(demonstrations(), env="Steer-v0", out=tmp_path / "run", config=CONFIG, resume=True)


def test_the_control_pays_demonstrations_alone(tmp_path):
    config = replace(CONFIG, reward_source="constant", warm_start=20, steps=40)
    watch = Watching()
    run = train(demonstrations(), env="Steer-v0", out=tmp_path / "run", config=config, observer=watch)
    state = load_file(run.path / "checkpoint.safetensors")
    assert (state["buffer.rewards"] == 0.0).all()
    assert run.evaluation["learned"]["mean"] == 0.0
    assert run.evaluation["selected_at"] == 40  # nothing to choose by: the last
    assert not (run.path / "reward.safetensors").exists()
    assert any("cloning the demonstrations for 20 updates" in message for message in watch.messages)
    with pytest.raises(RewardFileError, match="no such file"):
        run.reward()


class PaysDemonstrationsAlone(PaysPush):
    """A reward that has never seen anything like what the agent does."""

    def predict(self, obs, act=None, next_obs=None, step=None):
        return np.full(len(obs), 0.01, np.float32)

    def predict_demonstrations(self, demonstrations):
        return np.ones(len(demonstrations.transitions()), np.float32)


@pytest.mark.slow
def test_where_the_reward_teaches_nothing_the_clone_is_kept(tmp_path):
    arguments = {"env": "Steer-v0", "out": tmp_path / "run", "reward": PaysDemonstrationsAlone()}
    config, watch = replace(CONFIG, warm_start=20, steps=40), Watching()
    run = train(demonstrations(), **arguments, config=config, observer=watch)
    cloned = clone(
        demonstrations().clip_actions(np.float32([-2.0]), np.float32([1.0])),
        action_space=(np.float32([-2.0]), np.float32([1.0])),
        seed=config.seed,
    )
    expected, _ = cloned.predict(raw_observations())
    library, _ = sbx.SAC.load(run.path / "policy.zip").predict(raw_observations(), deterministic=True)
    np.testing.assert_allclose(run.policy().predict(raw_observations())[0], expected, atol=1e-4)
    np.testing.assert_allclose(library, expected, atol=1e-4)
    assert run.evaluation["selected_at"] == 0
    assert (
        np.abs(load_policy(run.path / "last_policy.safetensors").predict(raw_observations())[0] - expected).max() > 0.1
    )
    assert any("keeps the clone" in message for message in watch.messages)
    longer = train(demonstrations(), **arguments, config=replace(config, steps=80), resume=True)
    assert longer.evaluation["selected_at"] == 0
    assert steps_of(longer) == [40, 80]
    assert content((longer.path / "policy.safetensors").read_bytes()) == content(
        (run.path / "policy.safetensors").read_bytes()
    )


class PaysTheClone(PaysPush):
    """A reward that no policy of a short run earns as much of as the clone does, fitted by a number of updates."""

    def __init__(self, updates=None):
        super().__init__()
        bounds = (np.float32([-2.0]), np.float32([1.0]))
        shown = demonstrations().clip_actions(*bounds)
        self.clone = clone(shown, action_space=bounds, seed=CONFIG.seed, updates=updates)

    def predict(self, obs, act=None, next_obs=None, step=None):
        return np.exp(-8.0 * np.abs(act - self.clone.predict(obs)[0])).max(axis=1).astype(np.float32)


@pytest.mark.slow
def test_the_clone_is_a_candidate_of_the_selection(tmp_path):
    config, watch, reward = replace(CONFIG, warm_start=20, steps=40), Watching(), PaysTheClone()
    run = train(demonstrations(), env="Steer-v0", out=tmp_path / "run", reward=reward, config=config, observer=watch)
    expected, _ = reward.clone.predict(raw_observations())
    assert run.evaluation["selected_at"] == 0
    assert run.evaluation["learned"]["mean"] == pytest.approx(LENGTH, rel=0.01)
    np.testing.assert_allclose(run.policy().predict(raw_observations())[0], expected, atol=1e-4)
    assert run.metrics()[-1]["learned_return"] < 0.9 * LENGTH
    assert any("earns more of the learned reward" in message for message in watch.messages)
    assert not any("shorter and longer" in message for message in watch.messages)  # it has only cloned so far


@pytest.mark.slow
def test_where_nothing_earns_more_than_the_clone_the_best_length_of_its_fit_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("rexd.rl.selection.fallback.LENGTHS", (100, 300, 500))
    config, reward = replace(CONFIG, warm_start=20, actor_starts=20, steps=40), PaysTheClone(updates=300)
    run = train(demonstrations(), env="Steer-v0", out=tmp_path / "run", reward=reward, config=config)
    expected, _ = reward.clone.predict(raw_observations())
    library, _ = sbx.SAC.load(run.path / "policy.zip").predict(raw_observations(), deterministic=True)
    assert run.evaluation["selected_at"] == 0
    np.testing.assert_allclose(run.policy().predict(raw_observations())[0], expected, atol=1e-4)
    np.testing.assert_allclose(library, expected, atol=1e-4)


@pytest.mark.slow
def test_a_clone_that_falls_less_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("rexd.rl.selection.judge.Judge.falls_less", lambda _, policy, standing: (True, standing))
    config, watch = replace(CONFIG, warm_start=20, steps=40), Watching()
    run = train(
        demonstrations(), env="Steer-v0", out=tmp_path / "run", reward=PaysPush(), config=config, observer=watch
    )
    assert run.evaluation["selected_at"] == 0
    assert any("ends in fewer episodes in a terminal state" in message for message in watch.messages)


@pytest.mark.slow
def test_where_demonstrations_end_in_terminal_states_an_end_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.setattr("rexd.rl.selection.judge.Judge.falls_less", lambda _, policy, standing: (True, standing))
    shown = demonstrations()
    last = shown.trajectories[-1]
    ends = np.arange(len(last)) == len(last) - 1
    ended = replace(last, terminated=ends, truncated=np.zeros(len(last), bool))
    shown = replace(shown, trajectories=(*shown.trajectories[:-1], ended))
    config = replace(CONFIG, warm_start=20, steps=40)
    run = train(shown, env="Steer-v0", out=tmp_path / "run", reward=PaysPush(), config=config)
    assert run.evaluation["selected_at"] == 40


@pytest.mark.parametrize("settings", [{"cloning_weight": 0.0}, {"warm_start": 0}])
def test_a_learner_that_does_not_clone_keeps_what_it_learnt(tmp_path, settings):
    config = replace(CONFIG, steps=40, **{"warm_start": 20, **settings})
    reward = PaysDemonstrationsAlone()
    run = train(demonstrations(), env="Steer-v0", out=tmp_path / "run", reward=reward, config=config)
    assert run.evaluation["selected_at"] == 40


def test_nothing_is_cloned_for_the_environment_s_own_reward(tmp_path):
    """An expert and a ceiling are what the task pays, whatever was demonstrated."""
    config = replace(CONFIG, reward_source="env", warm_start=20, steps=40)
    watch = Watching()
    train(demonstrations(), env="Steer-v0", out=tmp_path / "run", config=config, observer=watch)
    assert not any("cloning" in message for message in watch.messages)


def test_the_environment_s_own_reward_needs_no_demonstrations(tmp_path):
    run = train(None, env=steer_for_random_pay, out=tmp_path / "run", config=CONFIG, reward_source="env", steps=40)
    state = load_file(run.path / "checkpoint.safetensors")
    assert state["buffer.rewards"].std() > 100.0
    assert run.evaluation["learned"] is None
    assert run.metrics()[0]["learned_return"] is None
    assert run.evaluation["selected_at"] == 40
    assert run.policy().obs_dim == 3


@pytest.mark.slow
def test_an_adversarial_reward_resumes_and_is_selected_by_the_fixed_one(tmp_path):
    config = replace(CONFIG, reward_source="adversarial", demonstration_share=0.0, cloning_weight=0.0, steps=80)
    arguments = {"env": "Steer-v0", "config": config}
    with pytest.raises(Killed):
        train(demonstrations(), **arguments, out=tmp_path / "run", observer=Watching(kill_at=40))
    before = load_file(tmp_path / "run" / "checkpoint.safetensors")
    run = train(demonstrations(), **arguments, out=tmp_path / "run", resume=True)
    after = load_file(run.path / "checkpoint.safetensors")
    judging = [name for name in after if after[name].shape == (256, 256)]
    assert judging  # the actor's and the critics' layers are among them
    assert all(not np.array_equal(before[name], after[name]) for name in judging)
    assert {"loss/discriminator", "loss/shown_logit", "loss/critic"} <= run.metrics()[1].keys()
    assert run.reward().config == REWARD
    returns = [record["confirmed_return"] or 0.0 for record in run.metrics()]
    assert [record["selected"] for record in run.metrics()] == [True, returns[1] >= returns[0]]
    assert {path.name for path in run.path.iterdir()} == FILES


def test_ppo_steps_several_environments_together(tmp_path):
    reward, shown = [], demonstrations()
    for environments in (1, 3):
        config = replace(CONFIG, algorithm="sb3-ppo", environments=environments, steps=90, evaluate_every=45)
        watch = Watching()
        run = train(shown, env="Steer-v0", out=tmp_path / f"{environments}", config=config, observer=watch)
        assert steps_of(run) == [45, 90]
        reward.append(run.metrics()[0]["training_learned_return"])
        assert [progress[0] for progress in watch.progress] == ([50] if environments == 1 else [])
    # 45 steps end three episodes of 12 in one environment, and one in each of three
    assert all(0.0 < value < LENGTH for value in reward)


def test_without_share_and_cloning_demonstrations_never_reach_the_learner(tmp_path):
    """The same run on demonstrations of other actions: every learnt bit must be the same."""
    other = Demonstrations(tuple(replace(t, actions=-0.5 * t.actions) for t in demonstrations()))
    config, reward = replace(CONFIG, steps=40, demonstration_share=0.0, cloning_weight=0.0), RED(REWARD)
    reward.fit(demonstrations())
    states = []
    for number, shown in enumerate((demonstrations(), other)):
        run = train(shown, env="Steer-v0", out=tmp_path / f"{number}", config=config, reward=reward)
        states.append(load_file(run.path / "checkpoint.safetensors"))
    assert [name for name in states[0] if states[0][name].tobytes() != states[1][name].tobytes()] == []
    assert int(states[0]["updates"]) > 0
    assert states[0]["buffer.rewards"].std() > 0.0


@pytest.mark.parametrize("source", ["learned", "constant", "adversarial"])
def test_absorbing_states(tmp_path, source):
    demos = demonstrations(last=True)  # the first one ends in a terminal state
    model = None if source == "constant" else RED(REWARD).fit(demos)
    config = replace(CONFIG, absorbing=True, reward_source=source, steps=72, evaluate_every=72)
    run = train(
        demos, env="Steer-v0", env_kwargs={"terminates": True}, out=tmp_path / "run", config=config, reward=model
    )
    state = load_file(run.path / "checkpoint.safetensors")
    marks, rewards = state["buffer.observations"][:, 0, -1], state["buffer.rewards"][:, 0]
    absorbed = marks > marks.min() + 0.5
    assert absorbed.any()
    if model is not None:
        paid = model.predict_demonstrations(demos.clip_actions(-2.0, 1.0)).mean()
        np.testing.assert_allclose(rewards[absorbed], paid, rtol=1e-4)
        assert rewards[~absorbed].std() > 0.0
    else:
        assert (rewards == 0.0).all()
    assert run.policy().obs_dim == 3  # the environment as it is, without the mark
    assert run.evaluation["episodes"][0]["length"] <= LENGTH
