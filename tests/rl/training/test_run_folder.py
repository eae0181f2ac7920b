import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from rexd.errors import RewardFileError, RexdError, RunError
from rexd.files import write_json
from rexd.reward.red.config import REDConfig
from rexd.rl.config import TrainConfig
from rexd.rl.training.run_folder import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    EVALUATION_FILE,
    METRICS_FILE,
    ZIP_FILE,
    begun_folder,
    check_zip,
    load_checkpoint,
    load_run,
    locked_folder,
    prepare_folder,
    read_metrics,
    save_checkpoint,
    write_metrics,
    zip_hashes,
)

TRAIN = TrainConfig(steps=500, seed=3, reward=REDConfig(target_layers=(8, 4)))


def description(**changes):
    content = {"env": "Hopper-v5", "env_kwargs": {"a": 1}, "train": TRAIN.to_dict(), "demonstrations_sha256": "abc"}
    return {**content, "demonstrations_source": "here.npz", **changes}


@pytest.fixture
def folder(tmp_path):
    prepare_folder(tmp_path / "deep" / "run", description(), resume=False)
    return tmp_path / "deep" / "run"


def test_a_new_folder_holds_its_settings(folder):
    run = load_run(folder)
    assert run.path == folder
    assert run.config == TRAIN
    assert (run.env, run.env_kwargs) == ("Hopper-v5", {"a": 1})
    assert run.evaluation is None
    assert run.metrics() == []
    assert [file.name for file in folder.iterdir()] == [CONFIG_FILE]


def test_an_empty_folder_may_exist(tmp_path):
    prepare_folder(tmp_path, description(), resume=False)
    assert load_run(tmp_path).config == TRAIN


def test_resume_starts_a_run_that_is_not_there(tmp_path):
    prepare_folder(tmp_path / "run", description(), resume=True)
    assert load_run(tmp_path / "run").config == TRAIN


@pytest.mark.parametrize("name", [CONFIG_FILE, "thesis.tex"])
def test_a_folder_that_holds_something_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(RunError, match=rf"{tmp_path} exists. Resume the run there with --resume, or choose another"):
        prepare_folder(tmp_path, description(), resume=False)
    assert (tmp_path / name).read_text() == "precious"


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(RunError, match="exists"):
        prepare_folder(tmp_path / "run", description(), resume=False)


def test_resume_takes_the_same_settings(folder):
    before = (folder / CONFIG_FILE).read_bytes()
    prepare_folder(folder, description(), resume=True)
    assert (folder / CONFIG_FILE).read_bytes() == before


def test_resume_may_be_longer(folder):
    prepare_folder(folder, description(train=replace(TRAIN, steps=900, final_episodes=3).to_dict()), resume=True)
    assert load_run(folder).config.steps == 900


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"env": "Ant-v5"}, "env"),
        ({"env_kwargs": {}}, "env_kwargs"),
        ({"demonstrations_sha256": "abd"}, "demonstrations_sha256"),
        ({"train": replace(TRAIN, seed=4, discount=0.9).to_dict()}, "discount, seed"),
        ({"train": replace(TRAIN, reward=REDConfig(shape="rational")).to_dict()}, "reward.shape, reward.target_layers"),
    ],
)
def test_resume_names_every_setting_that_differs(folder, changes, named):
    before = (folder / CONFIG_FILE).read_bytes()
    with pytest.raises(RunError, match=rf"cannot resume, the run there differs in {named}\. Give the same command"):
        prepare_folder(folder, description(**changes), resume=True)
    assert (folder / CONFIG_FILE).read_bytes() == before


def test_a_setting_that_the_run_does_not_know_is_a_difference(folder):
    """Its default need not be what a run of an older version did: ``best_episodes`` was nothing and is 5."""
    content = description()
    del content["train"]["best_episodes"]
    write_json(folder / CONFIG_FILE, content)
    with pytest.raises(RunError, match="differs in best_episodes"):
        prepare_folder(folder, description(), resume=True)


def test_where_the_demonstrations_lie_may_change(folder):
    prepare_folder(folder, description(demonstrations_source="elsewhere.npz"), resume=True)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"train": 3}'])
def test_damaged_settings(folder, text):
    (folder / CONFIG_FILE).write_text(text)
    with pytest.raises(RunError, match="damaged"):
        load_run(folder)
    with pytest.raises(RunError):
        prepare_folder(folder, description(), resume=True)


def test_settings_of_another_version(folder):
    content = description()
    content["train"]["temperature"] = 1
    (folder / CONFIG_FILE).write_text(json.dumps(content))
    with pytest.raises(RunError, match="unknown training settings: temperature"):
        load_run(folder)


def test_a_damaged_evaluation(folder):
    (folder / EVALUATION_FILE).write_text('{"steps": 1')
    with pytest.raises(RunError, match=f"damaged {CONFIG_FILE} or {EVALUATION_FILE}"):
        load_run(folder)


@pytest.mark.parametrize("name", [".", "nowhere"])
def test_no_run(tmp_path, name):
    with pytest.raises(RunError, match=f"no {CONFIG_FILE}; expected the folder of a run by rexd train"):
        load_run(tmp_path / name)


def test_what_a_run_does_not_have_yet(folder):
    with pytest.raises(RunError, match="no such file"):
        load_run(folder).policy()
    with pytest.raises(RewardFileError, match="no such file"):
        load_run(folder).reward()


STATE = {
    "weights": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not contiguous
    "key": np.array([1, 2], np.uint32),
    "steps": np.array(7),
    "empty": np.zeros((0, 4), np.float32),
}
PROGRESS = {"best": -1.5, "selection_steps": 10, "seconds": 2.5}


def test_checkpoints_round_trip(tmp_path):
    assert load_checkpoint(tmp_path) is None
    save_checkpoint(tmp_path, STATE, PROGRESS)
    state, progress = load_checkpoint(tmp_path)
    assert progress == PROGRESS
    assert state.keys() == STATE.keys()
    for name, array in STATE.items():
        assert state[name].dtype == array.dtype
        assert state[name].shape == array.shape
        np.testing.assert_array_equal(state[name], array)
    save_checkpoint(tmp_path, {"steps": np.array(8)}, PROGRESS)
    assert load_checkpoint(tmp_path)[0].keys() == {"steps"}
    assert [file.name for file in tmp_path.iterdir()] == [CHECKPOINT_FILE]


def test_no_score_yet_is_a_checkpoint_too(tmp_path):
    save_checkpoint(tmp_path, STATE, {**PROGRESS, "best": -np.inf})
    assert load_checkpoint(tmp_path)[1]["best"] == -np.inf


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.99])
def test_a_checkpoint_cut_short(tmp_path, share):
    save_checkpoint(tmp_path, STATE, PROGRESS)
    path = tmp_path / CHECKPOINT_FILE
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(RunError, match=rf"{path}: damaged checkpoint .*Delete it to start the run anew"):
        load_checkpoint(tmp_path)


def test_a_checkpoint_of_another_kind(tmp_path):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(2)}, tmp_path / CHECKPOINT_FILE)
    with pytest.raises(RunError, match="damaged checkpoint"):
        load_checkpoint(tmp_path)


def test_metrics_round_trip(tmp_path):
    records = [{"steps": 1, "selected": True}, {"steps": 2, "learned_return": None}]
    assert read_metrics(tmp_path) == []
    write_metrics(tmp_path, records)
    assert read_metrics(tmp_path) == records


@pytest.mark.parametrize("tail", ['{"steps": 3, "le', "\x00\x00", '{"steps": 3}}'])
def test_a_last_line_cut_short_is_left_out(tmp_path, tail):
    write_metrics(tmp_path, [{"steps": 1}, {"steps": 2}])
    with (tmp_path / METRICS_FILE).open("a") as file:
        file.write(tail)
    assert read_metrics(tmp_path) == [{"steps": 1}, {"steps": 2}]


def test_a_flipped_bit_of_a_checkpoint_is_told(tmp_path):
    save_checkpoint(tmp_path, STATE, PROGRESS)
    path = tmp_path / CHECKPOINT_FILE
    for place in (-1, -9, 200):
        content = bytearray(path.read_bytes())
        content[place] ^= 4
        path.write_bytes(content)
        with pytest.raises(RunError, match=rf"{path}.*Delete it to start the run anew"):
            load_checkpoint(tmp_path)
        save_checkpoint(tmp_path, STATE, PROGRESS)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_episode_steps": 10**30},
        {"max_episode_steps": -1},
        {"max_episode_steps": "9"},
        {"env_kwargs": {"a": "x" * 100_000}},
        {"env_kwargs": [1]},
        {"env_kwargs": None},
        {"train": {**TRAIN.to_dict(), "reward": []}},
    ],
)
def test_arguments_that_no_run_has(folder, changes):
    write_json(folder / CONFIG_FILE, description(**changes))
    with pytest.raises(RunError, match=rf"{folder}: damaged config\.json"):
        load_run(folder)


class TestLockedFolder:
    def test_nothing_is_left_where_nothing_was_kept(self, tmp_path):
        with locked_folder(tmp_path / "run"):
            assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
        assert not (tmp_path / "run").exists()
        (tmp_path / "was").mkdir()
        with locked_folder(tmp_path / "was"):
            pass
        assert (tmp_path / "was").is_dir()

    def test_a_kill_within_the_first_write_leaves_a_folder_that_the_same_command_takes(self, tmp_path):
        folder = tmp_path / "run"
        folder.mkdir()
        (folder / ".config.json.a1b2_c3d.json").write_text('{"env": "Ho')
        (folder / ".lock").write_text('{"pid": 1}')
        for resume in (False, True):
            with locked_folder(folder), begun_folder(folder, description(), resume=resume):
                assert sorted(path.name for path in folder.iterdir()) == [".lock", CONFIG_FILE]
        assert [path.name for path in folder.iterdir()] == [CONFIG_FILE]

    def test_a_second_one_is_kept_out(self, folder):
        with locked_folder(folder), pytest.raises(RexdError, match=rf"{folder} is in use by another"):
            locked_folder(folder).__enter__()


def test_a_zip_that_was_changed_is_told(folder):
    with zipfile.ZipFile(folder / ZIP_FILE, "w") as archive:
        archive.writestr("data", "x" * 100)
    check_zip(folder / ZIP_FILE)  # of an earlier version, whose evaluation keeps no hash
    write_json(folder / EVALUATION_FILE, {"zips": zip_hashes(folder)})
    check_zip(folder / ZIP_FILE)
    good = (folder / ZIP_FILE).read_bytes()
    for old, new, found in ((b"xxx", b"xyx", "its sum is wrong"), (b"PK\x05", b"PK\x15", "a damaged zip")):
        (folder / ZIP_FILE).write_bytes(good.replace(old, new, 1))
        with pytest.raises(RunError, match=found):
            check_zip(folder / ZIP_FILE)
    with zipfile.ZipFile(folder / ZIP_FILE, "w") as archive:
        archive.writestr("data", "y" * 100)
    with pytest.raises(RunError, match=r"its hash differs from that in evaluation\.json"):
        check_zip(folder / ZIP_FILE)


@pytest.mark.parametrize(
    ("evaluation", "shown"),
    [
        ({"true": {"mean": 12.5, "std": 1.5}, "episodes": [{}, {}]}, "over 2 episodes: true 12.5 ± 1.5>"),
        ({"true": {"mean": 12.5, "std": None}, "episodes": [{}]}, "over 1 episodes: true 12.5>"),
        ({"true": {"mean": "12"}, "learned": [1], "episodes": 3}, "over 0 episodes: >"),
    ],
)
def test_a_run_tells_what_it_reached(folder, evaluation, shown):
    write_json(folder / EVALUATION_FILE, evaluation)
    assert repr(load_run(folder)).endswith(shown)
