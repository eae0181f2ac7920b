"""What a run checks before it begins, what a failed start leaves, and what a run that stops on an error keeps."""

import json
from dataclasses import replace
from errno import ENOSPC

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")


from steering import REWARD
from troublesome import ENDLESS, Endless, Faulty, shown

from rexd.demos import Demonstrations
from rexd.errors import RexdError, RunError, SpaceMismatchError, TaskError
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED
from rexd.rl.config import TrainConfig
from rexd.rl.observers.observer import Silent
from rexd.rl.training import run_folder as files
from rexd.rl.training.run_folder import load_run
from rexd.rl.training.train import train

CONFIG = TrainConfig(
    algorithm="sb3-ppo",
    steps=60,
    evaluate_every=20,
    evaluation_episodes=1,
    final_episodes=1,
    warm_start=0,
    batch_size=10,
    reward=replace(REWARD, updates=5),
)


class Telling(Silent):
    def __init__(self):
        self.messages, self.fits = [], 0

    def message(self, text):
        self.messages.append(text)

    def fit(self, done, total):
        self.fits += 1


@pytest.fixture
def start(tmp_path):
    """Train in ``tmp_path / "run"``."""

    def start(env=Endless, demos=None, **kwargs):
        arguments = {"env": env, "out": tmp_path / "run", "config": CONFIG, **kwargs}
        return train(shown() if demos is None else demos, **arguments)

    return start


class TestTimeLimit:
    def test_an_endless_environment_is_cut_off_at_twice_the_longest_demonstration(self, start):
        watch = Telling()
        run = start(observer=watch)
        assert run.max_episode_steps == 20
        assert [episode["length"] for episode in run.evaluation["episodes"]] == [20]
        said = [text for text in watch.messages if "no time limit" in text]
        assert len(said) == 1
        assert "truncated) after 20 steps" in said[0]
        assert json.loads((run.path / "config.json").read_text())["max_episode_steps"] == 20

    def test_a_subsample_knows_how_long_its_episodes_were(self, start):
        run = start(demos=shown(steps=30).subsample(7, seed=0))
        assert run.max_episode_steps == 60

    @pytest.mark.parametrize("algorithm", ["sb3-ppo", "sb3-sac"])
    def test_the_number_that_is_asked_for(self, start, algorithm):
        watch = Telling()
        run = start(max_episode_steps=5, observer=watch, algorithm=algorithm, absorbing=algorithm == "sb3-sac")
        assert run.max_episode_steps == 5
        assert {record["length"] for record in run.metrics()} == {5.0}
        assert not any("no time limit" in text for text in watch.messages)

    def test_a_registered_limit_is_recorded_as_the_environments_own(self, start):
        run = start("Steer-v0", demos=_steering())
        assert run.max_episode_steps is None

    @pytest.mark.parametrize("off", [None, -1])
    def test_arguments_cannot_switch_it_off(self, start, off):
        run = start(ENDLESS, env_kwargs={"max_episode_steps": off})
        assert [episode["length"] for episode in run.evaluation["episodes"]] == [20]

    def test_nothing_to_go_by(self, tmp_path):
        with pytest.raises(TaskError, match="--max-episode-steps"):
            train(None, env=Endless, out=tmp_path / "run", config=CONFIG, reward_source="env")
        assert not (tmp_path / "run").exists()

    def test_a_resume_with_another_limit_is_refused(self, start):
        start()
        with pytest.raises(RunError, match="differs in max_episode_steps"):
            start(max_episode_steps=7, resume=True)

    def test_a_folder_of_an_earlier_version_records_none(self, start):
        run = start()
        file = run.path / "config.json"
        content = json.loads(file.read_text())
        del content["max_episode_steps"]
        file.write_text(json.dumps(content))
        assert load_run(run.path).max_episode_steps is None
        assert start(resume=True, steps=80).evaluation["steps"] >= 80

    @pytest.mark.parametrize("value", [0, -1, "9", 2.5, True])
    def test_a_damaged_number_in_a_folder(self, start, value):
        file = start().path / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "max_episode_steps": value}))
        with pytest.raises(RunError, match="max_episode_steps"):
            load_run(file.parent)


def _steering():
    from steering import demonstrations

    return demonstrations()


class TestStart:
    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"env": Faulty, "env_kwargs": {"fault": "nan", "at": 0}}, TaskError, "the reset .*nan in column 1"),
            ({"env": Faulty, "env_kwargs": {"fault": "object", "at": 0}}, TaskError, "dtype object"),
            ({"env": Faulty, "env_kwargs": {"fault": "shape", "at": 0}}, TaskError, r"shape \(2, 1\)"),
            ({"env": Faulty, "env_kwargs": {"fault": "options"}}, TaskError, "no options"),
            ({"env": Faulty, "env_kwargs": {"at": 1}}, TaskError, "step 1 of episode 1 .*the motor is off"),
            ({"env": Endless, "algorithm": "sb3-sac", "demos": "discrete"}, RexdError, "Use algorithm='auto'"),
            ({"env": Endless, "env_kwargs": {"bound": np.inf}}, SpaceMismatchError, "expected finite bounds"),
            ({"env": Endless, "max_episode_steps": 0}, TaskError, "max_episode_steps is 0"),
            ({"env": Endless, "reward": REDConfig()}, RexdError, r"reward is a REDConfig.*config=TrainConfig\(reward="),
            ({"env": Endless, "reward": 3}, RexdError, "reward is 3, a int; expected a fitted reward model"),
            ({"env": Endless, "demos": Demonstrations(shown(steps=4).trajectories[:1]).select_columns([0])},
             SpaceMismatchError, "1 observation columns, the environment has 2"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_found_before_the_reward_is_fitted(self, start, tmp_path, arguments, error, message):
        watch, chosen = Telling(), dict(arguments)
        if chosen.get("demos") == "discrete":
            chosen |= {"demos": _discrete(), "env_kwargs": {"discrete": True}}
        with pytest.raises(error, match=message):
            start(observer=watch, **chosen)
        assert watch.fits == 0
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("exists", [False, True])
    @pytest.mark.parametrize("broken", ["fit_in_environment", "build_learner"])
    def test_a_start_that_fails_later_leaves_nothing_either(self, start, tmp_path, monkeypatch, exists, broken):
        def fail(*args):
            assert (tmp_path / "run" / "config.json").is_file()
            raise ArithmeticError("singular")

        if exists:
            (tmp_path / "run").mkdir()
        where = "reward_in_env" if broken == "fit_in_environment" else "learner"
        with monkeypatch.context() as patch:
            patch.setattr(f"rexd.rl.training.{where}.{broken}", fail)
            with pytest.raises(ArithmeticError, match="singular"):
                start()
        assert (tmp_path / "run").exists() == exists
        assert start().evaluation is not None  # the corrected command

    def test_what_an_earlier_run_left_is_kept(self, start, tmp_path, monkeypatch):
        start()
        before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}

        def fail(*args):
            raise ArithmeticError("singular")

        monkeypatch.setattr("rexd.rl.training.learner.build_learner", fail)
        with pytest.raises(ArithmeticError, match="singular"):
            start(resume=True, final_episodes=2)
        after = {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
        assert after.keys() == before.keys()
        assert {path.name for path in before if after[path] != before[path]} == {"config.json"}  # the new settings


def _discrete():
    return Demonstrations(
        tuple(replace(t, actions=(t.actions[:, 0] > 0.0).astype(np.int64)) for t in shown()), n_actions=3
    )


class TestStops:
    """Errors in the middle of a run."""

    @pytest.mark.parametrize(
        ("fault", "message"),
        [
            ("raises", "raised ZeroDivisionError: the motor is off"),
            ("nan", "gave an observation with nan in column 1"),
            ("shape", r"gave an observation of shape \(2, 1\)"),
            ("object", "gave an observation of a dict"),
        ],
    )
    def test_an_environment_that_fails_in_training(self, start, tmp_path, fault, message):
        watch, faulty = Telling(), {"fault": fault, "at": 47}
        kept = r"run keeps the state after 40 steps: the same command with --resume goes on from there"
        reward = RED(CONFIG.reward).fit(shown())  # its checks would meet the fault first
        with pytest.raises(TaskError, match=rf"^Faulty: step 7 of episode 3 {message}.*{kept}"):
            start(Faulty, env_kwargs=faulty, reward=reward, observer=watch)
        assert load_run(tmp_path / "run").metrics()[-1]["steps"] == 40
        run = start(Faulty, env_kwargs=faulty, reward=reward, resume=True, observer=watch)
        assert "resuming at 40 of 60 steps" in watch.messages
        assert run.evaluation["steps"] == 60

    # Without a share of the demonstrations no clone is played before the run, which would meet the fault first.

    def test_before_the_first_checkpoint(self, start, tmp_path):
        reward = RED(CONFIG.reward).fit(shown())
        with pytest.raises(TaskError, match="no checkpoint yet: the same command with --resume starts the training"):
            start(Faulty, env_kwargs={"fault": "nan", "at": 7}, reward=reward, demonstration_share=0.0)
        assert (tmp_path / "run" / "reward.safetensors").is_file()

    def test_in_an_evaluation(self, start):
        reward = RED(CONFIG.reward).fit(shown())
        faulty = {"fault": "nan", "at": 25}
        with pytest.raises(TaskError, match=r"step 25 of episode 1 \(seed \d+\).*no checkpoint yet"):
            start(Faulty, env_kwargs=faulty, reward=reward, max_episode_steps=30, demonstration_share=0.0)

    def test_a_full_disk(self, start, tmp_path, monkeypatch):
        save, saves = files.write_metrics, []

        def full(folder, records):
            saves.append(folder)
            if len(saves) == 2:
                raise OSError(ENOSPC, "No space left on device", str(folder / "metrics.jsonl"))
            save(folder, records)

        with monkeypatch.context() as patch:
            patch.setattr(files, "write_metrics", full)
            message = r"metrics\.jsonl: no space is left on the disk.*run keeps the state after 20 steps: .*--resume"
            with pytest.raises(RunError, match=message):
                start()
        assert start(resume=True).evaluation["steps"] == 60

    def test_a_full_disk_at_the_start(self, start, tmp_path, monkeypatch):
        def full(path, content):
            raise OSError(ENOSPC, "No space left on device", str(path))

        monkeypatch.setattr(files, "write_json", full)
        with pytest.raises(RunError, match=r"no space is left on the disk.*Nothing was kept"):
            start()
        assert list(tmp_path.iterdir()) == []
