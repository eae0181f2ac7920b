import json

import pytest
from line_task import ENV, make_policy

from rexd import load_reward
from rexd.reward.checks import Check
from rexd.rl.training import train as train_module
from rexd.rl.training.run_folder import load_run

EVALUATION = {
    "episodes": [{"return": 5.0, "learned_return": 9.0, "length": 12}],
    "true": {"mean": 5000.0, "std": 3.0, "iqm": 5.25, "low": 4.0, "high": 6.0, "n": 20},
    "learned": {"mean": 9.0, "std": 0.5, "iqm": 9.0, "low": 8.0, "high": 10.0, "n": 20},
    "steps": 400,
    "selected_at": 200,
    "seconds": 12.5,
}


@pytest.fixture
def calls(monkeypatch):
    """Replaces training: remembers its arguments, tells the observer of everything, leaves a finished run."""
    seen = []

    def train(demonstrations, *, out, env, env_kwargs, max_episode_steps, config, reward, resume, observer, examine):
        seen.append({**locals(), "seen": None})
        observer.message("clipped 3 of 9 action entries")
        observer.fit(0, 10)
        observer.fit(10, 10)
        observer.checks([Check("expert rows, held out", 0.6, 0.02, 5)], ["The reward is flat."])
        observer.step(50, config.steps, None)
        observer.step(100, config.steps, 7.5)
        observer.evaluated(
            {"steps": 100, "seconds": 1.5, "learned_return": 7.5, "true_return": 1234.0, "true_return_std": 1.0,
             "length": 12.0, "selected": True}
        )  # fmt: skip
        out.mkdir(parents=True)
        make_policy().save(out / "policy.safetensors")
        reference = env if ":" in env else None
        content = {"env": env, "env_kwargs": env_kwargs, "env_reference": reference, "train": config.to_dict()}
        (out / "config.json").write_text(json.dumps(content))
        (out / "evaluation.json").write_text(json.dumps(EVALUATION))
        return load_run(out)

    monkeypatch.setattr("rexd.rl.training.train.train", train)
    return seen


def test_options_reach_training(rexd, calls, demos_file, tmp_path):
    result = rexd(
        "train", demos_file, "--env", ENV, "--trajectories", 3, "--subsample", 4, "--steps", 400, "--seed", 2,
        "--out", tmp_path / "r", "--env-kwargs", "columns=3", "--algorithm", "sb3-sac", "--reward.shape", "rational",
        "--absorbing", "--evaluate-every", 100,
    )  # fmt: skip
    assert result.status == 0, result.err
    (call,) = calls
    config = call["config"]
    assert (config.steps, config.seed, config.algorithm, config.absorbing) == (400, 2, "sb3-sac", True)
    assert (config.reward.shape, config.reward_source, config.evaluate_every) == ("rational", "learned", 100)
    assert type(config).__name__ == "TrainConfig"
    assert (call["env"], call["env_kwargs"], call["resume"]) == (ENV, {"columns": 3}, False)
    assert call["demonstrations"].n_transitions == 30
    assert len(call["demonstrations"].offsets) == 3


def test_what_the_user_sees(rexd, calls, demos_file, tmp_path):
    out = tmp_path / "r"
    result = rexd("train", demos_file, "--subsample", 4, "--out", out, "--steps", 400)
    for text in ("clipped 3 of 9", "WARNING: The reward is flat.", "100 steps", "learned return 7.500", "best so far"):
        assert text in result.err
    for text in ("demonstrations", "5,000 ± 3.000", "5.250 [4.000, 6.000]", "400, the policy is that of step 200"):
        assert text in result.out
    assert str(out) in result.out


def test_a_run_that_kept_its_clone_says_so(rexd, calls, demos_file, tmp_path, monkeypatch):
    monkeypatch.setitem(EVALUATION, "selected_at", 0)
    result = rexd("train", demos_file, "--out", tmp_path / "r", "--steps", 400)
    assert "400, the policy is the clone of the demonstrations" in result.out


def test_the_demonstrations_return_is_that_of_whole_trajectories(rexd, calls, demos_file, tmp_path):
    whole = rexd("inspect", demos_file, "--json").json["returns"]
    result = rexd("train", demos_file, "--subsample", 4, "--trajectories", 2, "--out", tmp_path / "r", "--json")
    assert result.json["demonstrations"]["mean"] == pytest.approx(sum(whole[:2]) / 2)
    assert result.json["evaluation"] == EVALUATION
    assert result.json["run"] == str(tmp_path / "r")


def test_environment_and_folder_by_default(rexd, calls, demos_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rexd("train", demos_file, "--seed", 7, "--resume").status == 0
    assert calls[0]["env"] == ENV
    assert str(calls[0]["out"]) == f"runs/{ENV}-seed7"
    assert calls[0]["resume"] is True


def test_rewards_by_name_and_from_a_file(rexd, calls, demos_file, tmp_path):
    file = tmp_path / "reward.safetensors"
    rexd("fit", demos_file, "-o", file, "--updates", 5)
    for number, reward in enumerate(["env", "constant", file, "adversarial"]):
        rexd("train", demos_file, "--out", tmp_path / f"{number}", "--reward", reward)
    rexd("train", "--env", ENV, "--out", tmp_path / "expert", "--reward", "env")
    assert [call["config"].reward_source for call in calls] == ["env", "constant", "learned", "adversarial", "env"]
    assert [call["reward"] is not None for call in calls] == [False, False, True, False, False]
    assert calls[2]["reward"].sigma_ == load_reward(file).sigma_
    assert calls[4]["demonstrations"] is None


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        (("--env", ENV), "only --reward env"),
        (("--reward", "env"), "--env Hopper-v5"),
        (("DEMOS", "--steps", "0"), "steps is 0; expected a positive number"),
        (("DEMOS", "--env", "Nope-v0"), "Nope-v0"),
        (("DEMOS", "--env", "CartPole-v1"), "the environment has 4"),
        (("DEMOS", "--reward", "no-such-file"), "no such file"),
        (("DEMOS", "--env-kwargs", "oops"), "name=value"),
    ],
)
def test_mistakes(fails, calls, demos_file, options, mend):
    assert mend in fails("train", *(demos_file if word == "DEMOS" else word for word in options))
    assert calls == []


def test_a_folder_that_holds_a_run(fails, demos_file, run_folder):
    message = fails("train", demos_file, "--out", run_folder)
    assert "--resume" in message
    assert "--out" in message


def test_a_resume_with_other_settings(fails, demos_file, run_folder):
    assert "differs in" in fails("train", demos_file, "--out", run_folder, "--resume", "--steps", 5)


def test_the_printed_command_names_the_module_to_import(rexd, calls, demos_file, tmp_path):
    found = rexd("train", demos_file, "--env", "line_task:Line", "--out", tmp_path / "r")
    assert f"rexd evaluate {tmp_path / 'r'} --env line_task:Line --episodes 20\n" in found.out.replace(" \n", "\n")


def test_the_command_line_is_known_while_it_runs(rexd, calls, demos_file, tmp_path, monkeypatch):
    from rexd.rl.training import provenance

    seen, train = [], train_module.train
    monkeypatch.setattr(
        train_module, "train", lambda *args, **kwargs: (seen.append(provenance.provenance()), train(*args, **kwargs))[1]
    )
    rexd("train", demos_file, "--out", tmp_path / "r")
    assert seen[0]["command"] == ["rexd", "train", str(demos_file), "--out", str(tmp_path / "r")]
    assert provenance.provenance()["command"] is None


def test_ctrl_c(rexd, demos_file, tmp_path, run_folder, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("rexd.rl.training.train.train", stop)
    result = rexd("train", demos_file, "--out", run_folder)
    assert result.status == 130
    assert f"rexd train {demos_file} --out {run_folder} --resume" in result.err
    assert "nothing to resume" in rexd("train", demos_file, "--out", tmp_path / "none").err


def test_demo(rexd, calls, demos_file, tmp_path, monkeypatch):
    from rexd import load_demonstrations
    from rexd.cli.verbs import demo

    bc = pytest.importorskip("rexd.rl.policies.cloning", reason="behavioural cloning has not landed yet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rexd.reading.bundled.bundled_demonstrations", lambda: load_demonstrations(demos_file))
    monkeypatch.setattr("rexd.reading.bundled.DEFAULT_TASK", ENV)
    monkeypatch.setattr(bc, "clone", lambda demonstrations, **_: make_policy())
    monkeypatch.setattr(demo, "SUBSAMPLE", 5)
    found = rexd("demo", "--steps", 300, "--seed", 1, "--json").json
    assert found["others"]["behavioural cloning"]["n"] == 20
    assert found["demonstrations"]["n"] == 4
    assert calls[0]["demonstrations"].n_transitions == 32
    assert (calls[0]["config"].steps, calls[0]["config"].seed) == (300, 1)
    again = rexd("demo")
    assert [str(call["out"]) for call in calls] == ["runs/demo", "runs/demo-2"]
    assert "behavioural cloning" in again.out
    assert (tmp_path / "runs" / "demo" / demo.CLONED_FILE).is_file()


def test_the_columns_of_a_goal_reach_training(rexd, calls, demos_file, tmp_path):
    words = ("train", demos_file, "--env", ENV, "--steps", 400, "--goal", "0", "--relative", "1")
    assert rexd(*words, "--out", tmp_path / "r").status == 0
    goals = calls[0]["demonstrations"].goals
    assert goals.to_dict() == {"desired": [0], "reached": [1], "relative": "achieved-desired"}
