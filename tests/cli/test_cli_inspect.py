import os
import pickle
import sys

import numpy as np
import pytest
from line_task import ENV, make_demonstrations

from rexd.reading.formats.rexd_npz import save_demonstrations


def pickled(path, columns=3, count=4, steps=60, scale=1.0):
    """The RED paper's format: trajectories end to end, each from the same start."""
    random = np.random.default_rng(1)
    walks = [5 * np.eye(1, columns)[0] + np.cumsum(random.normal(size=(steps, columns)), axis=0) for _ in range(count)]
    actions = scale * random.uniform(-1, 1, size=(count * steps, 1, 2))
    path.write_bytes(pickle.dumps({"observations": np.concatenate(walks), "actions": actions}))
    return path


def test_everything_about_a_file(rexd, demos_file):
    found = rexd("inspect", demos_file, "--json").json
    assert found["format"] == "rexd npz"
    assert found["env_id"] == ENV
    assert found["lengths"] == [40] * 4
    assert found["transitions"] == 160
    assert found["observations"] == {"columns": 3, "dtype": "float32"}
    assert found["actions"]["columns"] == 2
    assert -1 < found["actions"]["low"] < found["actions"]["high"] < 1
    assert found["constant_columns"] == [2]
    assert len(found["returns"]) == 4
    assert found["outside_action_space"] is None


def test_for_people(rexd, demos_file):
    result = rexd("inspect", demos_file)
    assert result.status == 0  # a column that never varies is no fault
    for text in ("4, of 40 steps: 160 transitions", "2 columns, float32", "1 of 3: 2", "4 truncated", "on average"):
        assert text in result.out
    assert f"--env {ENV}" in result.err


def test_actions_beyond_the_bounds_are_counted_before_they_are_clipped(rexd, tmp_path):
    file = save_demonstrations(make_demonstrations(scale=2.0, rewards=False), tmp_path / "wide.npz")
    found = rexd("inspect", file, "--env", ENV, "--json").json
    outside = found["outside_action_space"]
    assert 0.1 < outside["share"] < 0.9
    assert outside["entries"] == round(outside["share"] * 320)
    assert found["actions"]["high"] > 1
    assert found["returns"] is None
    assert f"clipped {outside['entries']} of 320" in found["notes"][0]
    assert "lie beyond the action space" in rexd("inspect", file, "--env", ENV).out


def test_boundaries_by_hand_and_columns(rexd, tmp_path):
    file = pickled(tmp_path / "red.pkl")
    found = rexd("inspect", file, "--episode-length", 60, "--columns", "0:2", "--json").json
    assert found["format"].startswith("pickled dict")
    assert (found["trajectories"], found["lengths"][0], found["observations"]["columns"]) == (4, 60, 2)
    assert found["next_observations_missing"] == 4
    result = rexd("inspect", file, "--episode-length", 60, "--env", ENV)
    assert "not recorded for 4 transitions" in result.out
    assert result.status == 2  # random numbers are no steps of this environment
    assert "0 action entries" in result.out


def merged(path, **further):
    """Rows of four trajectories, of which two reach a terminal state; only that is marked."""
    random = np.random.default_rng(1)
    content = {"observations": random.normal(size=(45, 3)), "actions": random.uniform(-1, 1, size=(45, 2))}
    np.savez(path, **content, terminals=np.isin(np.arange(45), (11, 35)), **further)
    return path


def test_a_key_that_may_tell_boundaries_is_a_warning(rexd, tmp_path):
    file = merged(tmp_path / "merged.npz", segment_lens=[12, 9, 15, 9])
    result = rexd("inspect", file, "--json")
    assert result.status == 1
    assert [found["code"] for found in result.json["findings"] if found["severity"] == "warning"] == [
        "unread-boundaries"
    ]
    assert result.json["lengths"] == [12, 24, 9]
    assert not any("segment_lens" in note for note in result.json["notes"])
    assert "'segment_lens' of the file may tell where trajectories begin" in " ".join(rexd("inspect", file).out.split())


@pytest.mark.parametrize("lengths", ["12,9,15,9", "segment_lens"])
def test_lengths_by_hand_or_by_key(rexd, fails, tmp_path, lengths):
    file = merged(tmp_path / "merged.npz", segment_lens=[12, 9, 15, 9])
    found = rexd("inspect", file, "--lengths", lengths, "--json").json
    assert found["lengths"] == [12, 9, 15, 9]
    assert found["terminated"] == 2
    assert "sum to 44; expected" in fails("inspect", file, "--lengths", "12,9,15,8")
    assert "records trajectories of 12, 24, 9 steps" in fails("inspect", file, "--lengths", "15,15,15")
    assert "exclude each other" in fails("inspect", file, "--lengths", lengths, "--episode-length", "9")


def test_discrete_actions(rexd, tmp_path):
    from rexd.demos import Demonstrations, Trajectory

    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    demos = Demonstrations((Trajectory.from_steps(rows, np.arange(20) % 2),))
    file = save_demonstrations(demos, tmp_path / "discrete.npz")
    assert "one of 2" in rexd("inspect", file).out
    assert rexd("inspect", file, "--env", "CartPole-v1", "--json").json["actions"]["count"] == 2


def test_hostile_pickle(fails, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    file = tmp_path / "evil.pkl"
    file.write_bytes(pickle.dumps({"observations": Hostile()}))
    assert "mkdir" in fails("inspect", file)
    assert not (tmp_path / "executed").exists()


def test_no_demonstrations(fails, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("not demonstrations")
    assert "rexd inspect --formats lists what rexd reads" in fails("inspect", file)
    assert "check the path" in fails("inspect", tmp_path / "missing.npz")


def test_values_that_are_not_finite(fails, tmp_path):
    file = pickled(tmp_path / "nan.pkl")
    content = pickle.loads(file.read_bytes())
    content["observations"][70, 1] = np.nan
    file.write_bytes(pickle.dumps(content))
    assert "drop that trajectory" in fails("inspect", file, "--episode-length", 60)


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        (("--env", "CartPoll-v1"), "CartPole-v1"),
        (("--columns", "0:9"), "expected numbers from 0 to 2"),
        (("--columns", "x"), "write 0:27"),
        (("--episode-length", "7"), "leave it out"),
        (("--env", ENV, "--env-kwargs", "colour=1"), "Correct env_kwargs"),
    ],
)
def test_options_that_do_not_fit(fails, demos_file, options, mend):
    assert mend in fails("inspect", demos_file, *options)


def test_missing_extra(fails, demos_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    assert "pip install 'rexd[train]'" in fails("inspect", demos_file, "--env", ENV)


def test_bundled(rexd):
    from rexd.reading.bundled import bundled_tasks

    if not bundled_tasks():
        pytest.skip("no demonstrations are shipped yet")
    found = rexd("inspect", "bundled", "--json").json
    assert found["format"] == "bundled with rexd"
    assert found["env_id"] == "HalfCheetah-v5"


@pytest.mark.parametrize(
    ("options", "kind"),
    [((), "DemonstrationError"), (("--env", "NoSuchTask-v0"), "TaskError"), (("--columns", "x"), "RexdError")],
)
def test_a_failure_is_a_document_too(rexd, tmp_path, options, kind):
    file = tmp_path / "notes.txt"
    file.write_text("not demonstrations")
    result = rexd("inspect", file, "--json", *options)
    assert (result.status, result.json["status"], result.json["file"]) == (3, "unreadable", str(file))
    assert result.json["error"]["kind"] == kind
    assert result.json["error"]["message"] in result.err
    assert result.err.startswith("rexd: error: ")


def test_the_document_says_what_the_exit_status_says(rexd, demos_file, tmp_path):
    found = rexd("inspect", demos_file, "--json")
    assert (found.status, found.json["status"]) == (0, "ok")
    wrong = rexd("inspect", pickled(tmp_path / "red.pkl"), "--episode-length", 60, "--env", ENV, "--json")
    assert (wrong.status, wrong.json["status"]) == (2, "errors")


def test_formats_are_listed(rexd, fails):
    from rexd.reading.formats import FORMATS

    listed = rexd("inspect", "--formats", "--json").json["formats"]
    assert [each["name"] for each in listed] == [item.name for item in FORMATS]
    assert all(each["holds"].endswith(".") and "`" not in each["holds"] for each in listed)
    d4rl = next(each for each in listed if each["name"] == "D4RL HDF5")
    assert (d4rl["tool"], d4rl["written_by"]) == ("D4RL", "rexd convert --to d4rl")
    result = rexd("inspect", "--formats")
    assert result.status == 0
    lines = result.out.splitlines()
    assert any(line.startswith("robomimic HDF5") and line.rstrip().endswith("Tool: robomimic.") for line in lines)
    assert len(lines) == len(FORMATS) + 1


def test_without_a_file(rexd):
    result = rexd("inspect")
    assert result.status == 2
    assert "no demonstrations are named" in result.err


def test_rewards_that_are_nan_are_no_refusal(rexd, tmp_path):
    rewards = np.ones(40)
    rewards[3] = np.nan
    observations = np.cumsum(np.random.default_rng(0).normal(size=(40, 3)), axis=0)
    np.savez(tmp_path / "d.npz", obs=observations, acts=observations[:, :2], rewards=rewards, dones=np.arange(40) == 39)
    found = rexd("inspect", tmp_path / "d.npz", "--json").json
    assert "missing-rewards" in [each["code"] for each in found["findings"]]
    assert found["returns"] is None
