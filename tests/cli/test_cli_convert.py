import pickle
import re
from dataclasses import fields, replace

import numpy as np
import pytest
from line_task import ENV, STEPS, make_demonstrations

from rexd.demos import Demonstrations, Trajectory
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations

h5py = pytest.importorskip("h5py")


def assert_same(one, other, *but):
    for a, b in zip(one, other, strict=True):
        for item in fields(a):
            if item.name not in but:
                left, right = getattr(a, item.name), getattr(b, item.name)
                assert (left.dtype, left.tobytes()) == (right.dtype, right.tobytes()), item.name


def leftovers(folder):
    return [item.name for item in folder.iterdir() if item.name.startswith(".")]


@pytest.mark.parametrize(
    ("name", "format_name", "options"),
    [
        ("folder", "Minari dataset", ()),
        ("copy.npz", "rexd npz", ()),
        ("copy.hdf5", "D4RL HDF5", ()),
        ("copy.H5", "D4RL HDF5", ()),
        ("copy.data", "rexd npz", ("--to", "npz")),
        ("walk-v0.1", "Minari dataset", ("--to", "minari")),
    ],
)
def test_every_format_and_back(rexd, tmp_path, demos_file, name, format_name, options):
    output = tmp_path / "new" / name
    told = rexd("convert", demos_file, output, *options, "--json").json
    assert told["written"]["format"] == format_name
    assert told["read"] == {"file": str(demos_file), "format": "rexd npz", **told["read"]}
    assert told["written"]["bytes"] > 1000
    assert told["done"] == []
    assert rexd("inspect", output, "--json").json["format"] == format_name
    back = tmp_path / "back.npz"
    assert rexd("convert", output, back).status == 0
    assert_same(load_demonstrations(back), make_demonstrations())
    assert leftovers(output.parent) == []


def test_for_people(rexd, tmp_path, demos_file):
    result = rexd("convert", demos_file, tmp_path / "out.hdf5", "--trajectories", 2, "--drop-columns", "2")
    assert result.status == 0
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[:3] == [["read", "written"], ["trajectories", "4", "2"], ["transitions", "160", "80"]]
    assert ["observation", "columns", "3", "2"] in rows
    assert "out.hdf5, D4RL HDF5, 0.0" in result.err
    assert "kept the first 2 of 4 trajectories" in result.err
    assert "dropped 1 of 3 observation columns" in result.err


def test_trajectories_and_first_rows_are_left_out(rexd, tmp_path, demos_file):
    output = tmp_path / "out.npz"
    options = ("--trajectories", 3, "--leave-out", "0", "--drop-first-rows", 2)
    told = rexd("convert", demos_file, output, *options, "--json").json
    assert told["done"] == [
        "kept the first 3 of 4 trajectories",
        "left out 1 of 3 trajectories",
        "left out the first 2 rows of each trajectory",
    ]
    for one, other in zip(load_demonstrations(output), make_demonstrations().trajectories[1:3], strict=True):
        np.testing.assert_array_equal(one.observations, other.observations[2:])
        assert one.steps.tolist() == list(range(2, 40))
    for wrong, message in (
        (("--leave-out", "4"), "trajectories .* cannot be left out of 4"),
        (("--leave-out", "0:4"), "all 4 trajectories would be left out"),
        (("--drop-first-rows", 40), "cannot leave the first 40 rows of trajectory 0, which has 40"),
        (("--drop-first-rows", 0), "expected at least one"),
    ):
        result = rexd("convert", demos_file, tmp_path / "other.npz", *wrong)
        assert result.status != 0
        assert re.search(message, " ".join(result.err.split()))


def test_every_mend(rexd, tmp_path, demos_file):
    output = tmp_path / "mended.npz"
    told = rexd(
        *("convert", demos_file, output, "--drop-columns", "1", "--time-limit-is-truncation", 40, "--json"),
        *("--drop-last-next-observation", "--shift-actions", -1, "--scale-actions", "2,-2", "--clip-actions", "-1:1"),
    ).json
    assert [text.split()[0] for text in told["done"]] == ["dropped", "0", "dropped", "shifted", "multiplied", "clipped"]
    found, original = load_demonstrations(output), make_demonstrations()
    for one, other in zip(found, original, strict=True):
        np.testing.assert_array_equal(one.observations, other.observations[1:, [0, 2]])
        np.testing.assert_array_equal(one.actions, np.clip(other.actions[:-1] * np.float32([2, -2]), -1, 1))
        assert one.next_known.tolist() == [True] * 38 + [False]
    assert list(found.notes[-6:]) == told["done"]


def test_what_the_environment_knows(rexd, tmp_path):
    rows = np.random.default_rng(0).normal(size=(STEPS + 1, 3)).astype(np.float32)
    made = Trajectory.from_steps(rows, 3 * rows[:-1, :2], terminated=True)
    file = save_demonstrations(Demonstrations((made,)), tmp_path / "in.npz")
    mends = ("--time-limit-is-truncation", "--clip-actions")
    result = rexd("convert", file, tmp_path / "walk-v0", "--env", ENV, *mends, "--json")
    assert [text.split()[0] for text in result.json["done"]] == ["1", "clipped", "recorded", "1"]
    found = load_demonstrations(tmp_path / "walk-v0").trajectories[0]
    assert (found.terminated.any(), found.truncated[-1]) == (False, True)
    np.testing.assert_array_equal(found.actions, np.clip(made.actions, -1, 1))
    assert load_demonstrations(tmp_path / "walk-v0").env_id == ENV
    scaled = tmp_path / "scaled.npz"
    assert rexd("convert", file, scaled, "--env", ENV, "--scale-actions").status == 0
    np.testing.assert_allclose(load_demonstrations(scaled).trajectories[0].actions, made.actions)


def test_an_environment_alone_changes_no_action(rexd, tmp_path):
    wide = make_demonstrations(scale=3.0)
    file = save_demonstrations(wide, tmp_path / "in.npz")
    told = rexd("convert", file, tmp_path / "out.npz", "--env", ENV, "--json").json
    assert told["done"] == []
    assert_same(load_demonstrations(tmp_path / "out.npz"), wide)


def test_columns_under_both_names(rexd, tmp_path, demos_file):
    for name in ("--obs-columns", "--columns"):
        told = rexd("convert", demos_file, tmp_path / f"out{name}.npz", name, "0:2", "--json").json
        assert told["written"]["observations"]["columns"] == 2


def test_subsampling(rexd, fails, tmp_path, demos_file):
    told = rexd("convert", demos_file, tmp_path / "out.npz", "--subsample", 20, "--seed", 3, "--json").json
    assert (told["written"]["transitions"], told["written"]["unused_transitions"]) == (8, 0)
    found = load_demonstrations(tmp_path / "out.npz")
    assert_same(found, make_demonstrations().subsample(20, seed=3))
    assert "write npz, which holds everything" in fails("convert", demos_file, tmp_path / "out", "--subsample", 20)
    assert not (tmp_path / "out").exists()


def test_lengths_where_the_file_does_not_say(rexd, tmp_path):
    rng = np.random.default_rng(0)
    content = {"observations": rng.normal(size=(60, 3)), "actions": rng.normal(size=(60, 2))}
    (tmp_path / "red.pkl").write_bytes(pickle.dumps(content))
    told = rexd("convert", tmp_path / "red.pkl", tmp_path / "out.npz", "--episode-length", 20, "--json").json
    assert (told["written"]["trajectories"], told["done"]) == (3, [])


def test_lengths_that_the_file_marks_wrongly(rexd, fails, tmp_path, demos_file):
    told = rexd("convert", demos_file, tmp_path / "out.npz", "--episode-length", 20, "--json").json
    assert (told["written"]["trajectories"], told["written"]["transitions"]) == (8, 160)
    assert any("cut anew into 8 trajectories of 20 steps" in text for text in (*told["notes"], *told["done"]))
    assert "160 steps do not divide" in fails("convert", demos_file, tmp_path / "no.npz", "--episode-length", 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scale-actions", "much"), "'much' is not understood; write 2, or 2,0.5 for each column"),
        (("--scale-actions", "0"), "expected finite factors other than 0"),
        (("--scale-actions",), "without a value needs the environment and its bounds"),
        (("--scale-actions", "1", "2"), "takes one value, found 1, 2"),
        (("--clip-actions",), "or --clip-actions -1:1"),
        (("--clip-actions", "1"), "'1' is not understood; write -1:1"),
        (("--clip-actions", "a:b"), "'a:b' is not understood"),
        (("--clip-actions", "1:-1"), "is above the highest"),
        (("--clip-actions", "-1,-1,-1:1,1,1"), "do not fit actions of 2 columns"),
        (("--time-limit-is-truncation",), "needs a number of steps, or the environment"),
        (("--time-limit-is-truncation", "soon"), "'soon' is not understood"),
        (("--time-limit-is-truncation", "0"), "expected 1 or more"),
        (("--shift-actions", "0"), "expected 1 or -1"),
        (("--shift-actions", "40"), "shifting actions by 40 leaves none"),
        (("--drop-columns", "9"), "expected numbers from 0 to 2"),
        (("--drop-columns", "x"), "write 0:27"),
        (("--drop-columns", "1", "--obs-columns", "0:2"), "exclude each other"),
        (("--trajectories", "9"), "asked for 9 trajectories"),
        (("--subsample", "0"), "expected 1 or more"),
        (("--drop-columns", "1", "--env", ENV), "2 observation columns, the environment has 3"),
    ],
)
def test_values_that_do_not_fit(fails, tmp_path, demos_file, options, message):
    assert message in fails("convert", demos_file, tmp_path / "out.npz", *options)
    assert [item.name for item in tmp_path.iterdir()] == ["demos.npz"]


def test_unknown_suffix(fails, tmp_path, demos_file):
    assert "'.pkl' names no format that rexd writes" in fails("convert", demos_file, tmp_path / "out.pkl")


@pytest.mark.parametrize("name", ["out.npz", "out.hdf5", "folder"])
def test_what_exists_is_not_replaced_unless_asked(rexd, fails, tmp_path, demos_file, name):
    output = tmp_path / name
    assert rexd("convert", demos_file, output).status == 0
    assert "exists; name another file or folder, or replace it with --overwrite" in fails("convert", demos_file, output)
    assert rexd("convert", demos_file, output, "--overwrite", "--trajectories", 1).status == 0
    assert len(load_demonstrations(output)) == 1
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["mended.npz", "mended"])
def test_a_file_mended_in_place(rexd, tmp_path, demos_file, name):
    file = tmp_path / name
    assert rexd("convert", demos_file, file).status == 0
    assert rexd("convert", file, file, "--overwrite", "--scale-actions", 0.5).status == 0
    half = replace(make_demonstrations())
    for one, other in zip(load_demonstrations(file), half, strict=True):
        np.testing.assert_array_equal(one.actions, other.actions / 2)


def test_folders_of_something_else_are_never_replaced(fails, tmp_path, demos_file):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.tex").write_text("years")
    assert "is not a Minari dataset" in fails("convert", demos_file, tmp_path / "work", "--overwrite")
    words = ("convert", demos_file, tmp_path / "work", "--to", "npz", "--overwrite")
    assert "is a folder, and rexd npz is one file" in fails(*words)
    assert "is not a Minari dataset" in fails("convert", demos_file, demos_file, "--to", "minari", "--overwrite")
    assert (tmp_path / "work" / "thesis.tex").read_text() == "years"


@pytest.mark.parametrize("name", ["out.npz", "out.h5", "folder"])
@pytest.mark.parametrize("there", [False, True])
def test_interrupted_while_writing(rexd, tmp_path, demos_file, monkeypatch, name, there):
    output = tmp_path / name
    if there:
        assert rexd("convert", demos_file, output).status == 0

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rexd.reading.minari.writing._metadata", stop)
        patch.setattr("numpy.lib.format.write_array", stop)
        patch.setattr("h5py.File.__exit__", stop)
        assert rexd("convert", demos_file, output, "--overwrite", "--scale-actions", 0.5).status == 130
    assert output.exists() == there
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted({"demos.npz", *([name] if there else [])})
    if there:
        assert_same(load_demonstrations(output), make_demonstrations())


def test_a_dataset_stays_if_the_new_one_cannot_be_moved(rexd, tmp_path, demos_file, monkeypatch):
    from pathlib import Path

    assert rexd("convert", demos_file, tmp_path / "folder").status == 0
    rename = Path.rename

    def stop_second(self, target):
        if Path(target) == tmp_path / "folder" and ".old." not in str(self):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stop_second)
    assert rexd("convert", demos_file, tmp_path / "folder", "--overwrite", "--scale-actions", 2).status == 130
    assert_same(load_demonstrations(tmp_path / "folder"), make_demonstrations())
    assert leftovers(tmp_path) == []


def test_bundled(rexd, tmp_path):
    told = rexd("convert", "bundled", tmp_path / "cheetah-v0", "--json").json
    assert (told["written"]["trajectories"], told["written"]["transitions"]) == (4, 4000)


def test_help(rexd):
    result = rexd("convert", "--help")
    assert result.status == 0
    for text in ("--shift-actions K", "--obs-columns", "--clip-actions [LOW:HIGH]", "rexd convert demos.npz", "--seed"):
        assert text in result.out


def test_states_alone_are_kept_by_npz_only(rexd, demos_file, tmp_path):
    states = tmp_path / "states.npz"
    assert rexd("convert", demos_file, states, "--without-actions").status == 0
    again = load_demonstrations(states)
    assert not again.has_actions
    assert_same(again, make_demonstrations(), "actions")
    for name in ("states.hdf5", "states-v0"):
        refused = rexd("convert", states, tmp_path / name)
        assert refused.status != 0
        assert "there are no actions" in " ".join(refused.err.split())
    for options in ((), ("--env", ENV)):
        shown = rexd("inspect", states, *options)
        assert shown.status == 0, shown.err
        assert "not recorded" in shown.out
        found = rexd("inspect", states, *options, "--json").json["actions"]
        assert (found["columns"], found["low"]) == (0, None)
