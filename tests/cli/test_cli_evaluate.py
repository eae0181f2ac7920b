import base64
import io
import json
import sys
import zipfile

import gymnasium
import numpy as np
import pytest
from line_task import ENV, STEPS, make_demonstrations, make_policy

from rexd import RED, load_demonstrations


def test_run_folder(rexd, run_folder):
    RED(updates=5).fit(make_demonstrations()).save(run_folder / "reward.safetensors")
    found = rexd("evaluate", run_folder, "--episodes", 3, "--seed", 1, "--json").json
    assert [e["length"] for e in found["episodes"]] == [STEPS] * 3
    assert found["true"]["n"] == found["learned"]["n"] == 3
    assert (found["env"], found["seed"], found["video"]) == (ENV, 1, None)
    assert found["episodes"] == rexd("evaluate", run_folder, "--episodes", 3, "--seed", 1, "--json").json["episodes"]
    result = rexd("evaluate", run_folder, "--episodes", 2)
    for text in ("true", "learned", "IQM", ENV, "12.0 steps"):
        assert text in result.out


def test_the_episodes_are_not_those_of_the_run_s_final_evaluation_unless_asked_for(rexd, run_folder):
    from line_task import Line

    from rexd.evaluation.evaluate import evaluate
    from rexd.rl.policies.policy import load_policy

    def make():
        return gymnasium.wrappers.TimeLimit(Line(), STEPS)

    final = evaluate(make, load_policy(run_folder), None, episodes=3, seed=0).to_dict()["episodes"]
    own = rexd("evaluate", run_folder, "--episodes", 3, "--json").json
    assert not {e["return"] for e in own["episodes"]} & {e["return"] for e in final}
    assert (
        own["episodes"]
        == rexd("evaluate", run_folder, "--episodes", 3, "--seed", own["seed"], "--json").json["episodes"]
    )
    assert rexd("evaluate", run_folder, "--episodes", 3, "--seed", 0, "--json").json["episodes"] == final


def test_one_episode_has_neither_spread_nor_interval(rexd, run_folder):
    found = rexd("evaluate", run_folder, "--episodes", 1, "--json").json["true"]
    assert (found["std"], found["low"], found["high"]) == (None, None, None)
    assert found["mean"] == found["iqm"]
    out = rexd("evaluate", run_folder, "--episodes", 1).out
    assert "±" not in out
    assert "IQM" not in out
    assert out.splitlines()[0].split() == ["return", "mean", "episodes"]


def test_policy_file(rexd, fails, tmp_path):
    file = make_policy().save(tmp_path / "policy.safetensors")
    found = rexd("evaluate", file, "--env", ENV, "--env-kwargs", "columns=3", "--episodes", 2, "--json").json
    assert found["learned"] is None
    assert found["env_kwargs"] == {"columns": 3}
    assert "--env Hopper-v5" in fails("evaluate", file)
    assert "trained on 3 columns" in fails("evaluate", file, "--env", ENV, "--env-kwargs", "columns=4")


def test_mistakes(fails, run_folder, tmp_path):
    assert "no such file" in fails("evaluate", tmp_path / "nothing")
    assert "expected 1 or more" in fails("evaluate", run_folder, "--episodes", 0)
    assert "expected 0 or more" in fails("evaluate", run_folder, "--seed", -1)
    (run_folder / "policy.safetensors").write_bytes(b"short")
    assert "not a readable safetensors file" in fails("evaluate", run_folder)


def sb3_zip(path, env=ENV):
    stable_baselines3 = pytest.importorskip("stable_baselines3")
    stable_baselines3.SAC("MlpPolicy", env, policy_kwargs={"net_arch": [4]}, buffer_size=10, seed=0).save(path)
    return path


def test_zip_needs_trust(rexd, fails, tmp_path):
    file = sb3_zip(tmp_path / "policy.zip")
    message = fails("evaluate", file, "--env", ENV)
    assert "executes code" in message
    assert "--trust" in message
    assert rexd("evaluate", file, "--env", ENV, "--trust", "--episodes", 2, "--json").json["true"]["n"] == 2
    assert "does not take observations of 5" in fails(
        "evaluate", file, "--env", ENV, "--env-kwargs", "columns=5", "--trust"
    )


def test_a_zip_names_a_policy_that_lay_elsewhere_when_it_was_written(rexd, tmp_path):
    stable_baselines3 = pytest.importorskip("stable_baselines3")
    from rexd.rl.learners.sb3.sac import LayerNormPolicy

    file = tmp_path / "policy.zip"
    stable_baselines3.SAC(LayerNormPolicy, ENV, policy_kwargs={"net_arch": [4]}, buffer_size=10, seed=0).save(file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(parts["data"])
    moved = base64.b64encode(b"crexd.rl.sac_torch\nLayerNormPolicy\n.").decode()
    data["policy_class"] = {":type:": "<class 'abc.ABCMeta'>", ":serialized:": moved, "__module__": "rexd.rl.sac_torch"}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in {**parts, "data": json.dumps(data).encode()}.items():
            archive.writestr(name, content)
    assert rexd("evaluate", file, "--env", ENV, "--trust", "--episodes", 2, "--json").json["true"]["n"] == 2


def test_a_zip_trained_with_absorbing_states(fails, tmp_path):
    file = sb3_zip(tmp_path / "policy.zip", gymnasium.make(ENV, columns=4))
    message = fails("evaluate", file, "--env", ENV, "--trust")
    assert "takes 4 columns, and the environment gives 3" in message
    assert "absorbing states" in message
    assert "policy.safetensors" in message


@pytest.mark.parametrize(
    ("data", "mend"),
    [
        (None, "not one of Stable-Baselines3"),
        ("[]", "not one of Stable-Baselines3"),
        ({"policy_class": {"__module__": "os.path"}}, "its policy is of 'os'"),
        ({"policy_class": {"__module__": "sbx.nothing.policies"}}, "algorithm NOTHING"),
        ({"policy_class": {"__module__": "stable_baselines3.sac.policies"}}, "stable_baselines3 cannot load it"),
        ({"policy_class": {"__module__": "stable_baselines3.common.policies"}}, "expected a zip that A2C.save"),
        ({"policy_class": {"__module__": "rexd.rl.learners.sb3.sac"}}, "stable_baselines3 cannot load it"),
    ],
)
def test_a_zip_of_something_else(fails, tmp_path, data, mend):
    pytest.importorskip("sbx")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme" if data is None else "data", data if isinstance(data, str) else json.dumps(data))
    (tmp_path / "x.zip").write_bytes(buffer.getvalue())
    assert mend in fails("evaluate", tmp_path / "x.zip", "--env", ENV, "--trust")


def test_video_gif(rexd, run_folder, tmp_path):
    imageio = pytest.importorskip("imageio.v2")
    film = tmp_path / "film.gif"
    result = rexd("evaluate", run_folder, "--episodes", 1, "--video", film, "--json")
    assert result.json["video"] == str(film), result.err
    assert imageio.mimread(film)[0].shape[:2] == (32, 48)


def test_video_mp4(rexd, run_folder, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    film = tmp_path / "film.mp4"
    result = rexd("evaluate", run_folder, "--episodes", 1, "--video", film)
    assert str(film) in result.err
    assert film.read_bytes()[4:8] == b"ftyp"


def test_video_that_cannot_be_made(rexd, fails, run_folder, tmp_path, monkeypatch):
    pytest.importorskip("imageio")
    assert "ends in .mp4 or .gif" in fails("evaluate", run_folder, "--video", "film.avi")
    options = ("--env", ENV, "--env-kwargs", "fails=true", "--episodes", 1, "--video", tmp_path / "film.gif", "--json")
    result = rexd("evaluate", run_folder, *options)
    assert result.status == 2
    assert "MUJOCO_GL=egl" in result.err
    assert "no OpenGL library" in result.err
    assert result.json["video"] is None
    assert result.json["true"]["n"] == 1
    monkeypatch.setitem(sys.modules, "imageio", None)
    assert "pip install 'rexd[video]'" in fails("evaluate", run_folder, "--video", "film.gif")


ROOM = """
import gymnasium, pathlib
from line_task import Line

pathlib.Path("imported").touch()

def make(columns=3):
    return gymnasium.wrappers.TimeLimit(Line(columns=columns), 7)
"""


@pytest.fixture
def foreign(run_folder, tmp_path, monkeypatch):
    """The folder of a run whose environment a module in the current folder makes, and what names it there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rexd_cli_room.py").write_text(ROOM)
    content = json.loads((run_folder / "config.json").read_text())
    content |= {"env": "make", "env_kwargs": {"columns": 3}, "env_reference": "rexd_cli_room:make"}

    def foreign(**changes):
        (run_folder / "config.json").write_text(json.dumps(content | changes))
        return run_folder

    yield foreign
    sys.modules.pop("rexd_cli_room", None)


@pytest.mark.parametrize("changes", [{}, {"env": "rexd_cli_room:Some-v0", "env_reference": None}])
@pytest.mark.parametrize("verb", ["evaluate", "collect"])
def test_a_folder_imports_nothing_without_trust(fails, foreign, tmp_path, verb, changes):
    words = ("evaluate", foreign(**changes)) if verb == "evaluate" else ("collect", "--policy", foreign(**changes))
    message = fails(*words)
    named = changes.get("env", "rexd_cli_room:make")
    assert f"the run was trained on {named}, and importing rexd_cli_room executes its code" in message
    assert f"--env {named}, or --trust" in message
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("words", [("--trust",), ("--env", "rexd_cli_room:make")])
def test_a_run_of_a_function_is_played_again(rexd, foreign, tmp_path, words):
    found = rexd("evaluate", foreign(), *words, "--episodes", 2, "--json").json
    assert [episode["length"] for episode in found["episodes"]] == [7, 7]
    assert (found["env"], found["env_kwargs"]) == ("rexd_cli_room:make", {"columns": 3})  # the arguments of the run
    assert (tmp_path / "imported").exists()


def test_what_a_function_made_is_recorded_as_its_task(rexd, fails, foreign, tmp_path):
    file = tmp_path / "d.npz"
    assert rexd("collect", "--policy", foreign(), "--trust", "--episodes", 4, "-o", file).status == 0
    assert load_demonstrations(file).env_id == "rexd_cli_room:make"
    assert "name the environment 'rexd_cli_room:make'; if you trust that, give it with --env" in fails("train", file)


@pytest.mark.parametrize("reference", ["room:test.<locals>.<lambda>", "room:Line(...)", "__main__:Line"])
def test_what_no_import_finds(fails, foreign, reference):
    message = fails("evaluate", foreign(env_reference=reference), "--trust")
    assert f"trained on {reference}, which no import can make again" in message
    assert "--env module:ClassName" in message


def test_collect(rexd, run_folder, tmp_path):
    file = tmp_path / "d.npz"
    result = rexd("collect", "--policy", run_folder, "--episodes", 3, "--seed", 5, "-o", file)
    assert result.status == 0, result.err
    assert "3, 36 transitions" in result.out
    demos = load_demonstrations(file, env=ENV)
    assert (len(demos), demos.env_id, demos.n_transitions) == (3, ENV, 36)
    assert demos.returns == pytest.approx([float(t.actions[:, 0].sum()) for t in demos], abs=1e-5)
    np.testing.assert_allclose(demos.trajectories[0].actions, np.tanh(demos.trajectories[0].observations[:, :2]), 1e-5)
    assert "deterministic actions, seed 5" in demos.notes[0]


def test_collect_samples_reproducibly(rexd, run_folder, tmp_path):
    def actions(name, *options):
        words = ("collect", "--policy", run_folder, "--env", ENV, "--episodes", 1, "-o", tmp_path / name, "--json")
        assert len(rexd(*words, *options).json["returns"]) == 1
        return load_demonstrations(tmp_path / name).trajectories[0].actions

    first = actions("a.npz", "--stochastic")
    np.testing.assert_array_equal(first, actions("b.npz", "--stochastic"))
    assert not np.allclose(first, actions("c.npz"))


def test_collect_without_an_environment(fails, tmp_path):
    file = make_policy().save(tmp_path / "p.safetensors")
    assert "--env" in fails("collect", "--policy", file)
