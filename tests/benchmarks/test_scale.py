"""The measurement of relabelling goes on where it stopped and compares what is the same; the page has its figures."""

import json
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

import scale
from rexd.relabel.relabel import relabel
from rexd.reward.files import load_reward

import scale_page
from scale_bare import copy, steps_of
from scale_data import WRITERS, blocks, fitted_reward

SPENT = {"wall_seconds": 2.0, "processor_seconds": 3.0, "peak_mb": 400, "children_peak_mb": 0, "load": 1.0}


class StopError(Exception):
    """What ends a measurement in the middle."""


@pytest.fixture
def measured(monkeypatch):
    """The commands that would have been measured; nothing is started."""
    asked = []

    def fake(words):
        if len(asked) == fake.most:
            raise StopError
        asked.append([Path(word).name if "/" in word else word for word in words])
        return SPENT | {"wall_seconds": float(len(asked))}

    fake.most = None
    monkeypatch.setattr(scale, "measured", fake)
    monkeypatch.setattr(scale, "stages", lambda *_: dict.fromkeys(scale_page.STAGES, 1.0))
    monkeypatch.setattr(scale, "fitted_reward", lambda path: path)
    monkeypatch.setattr(
        scale, "relabelled", lambda reward, source, folder, *options: fake(["relabel", source.name, *options])
    )
    fake.asked = asked
    return fake


def start(monkeypatch, out, *sizes):
    monkeypatch.setattr("sys.argv", ["scale.py", "--out", str(out), "--sizes", *sizes])
    scale.main()


@pytest.mark.parametrize("most", [0, 3, 6, 13])
def test_it_goes_on_with_what_is_missing(tmp_path, monkeypatch, measured, most):
    out = tmp_path / "scale.json"
    start(monkeypatch, tmp_path / "whole.json", "50", "80")
    everything = list(measured.asked)
    assert len(everything) == 2 * (len(scale.WAYS) + 2 * 2 * scale.TURNS)
    assert everything[:2] == [["relabel", "data.hdf5", "--jobs", "1"], ["relabel", "data.hdf5", "--jobs", "2"]]
    measured.asked.clear()
    measured.most = most
    with pytest.raises(StopError):
        start(monkeypatch, out, "50", "80")
    measured.most = None
    start(monkeypatch, out, "50", "80")
    again = measured.asked[most:]
    turn_begun = (
        0 if most < len(scale.WAYS) or (most - len(scale.WAYS)) % 2 == 0 else 1
    )  # a turn is measured as a whole
    assert again == everything[most - turn_begun :]
    known = json.loads(out.read_text())
    assert [[*size] for size in known["sizes"].values()] == [["hdf5", "parquet"]] * 2
    measured.asked.clear()
    start(monkeypatch, out, "50", "80")
    assert measured.asked == []


def test_another_machine_begins_its_own_file(tmp_path, monkeypatch, measured):
    out = tmp_path / "scale.json"
    start(monkeypatch, out, "50")
    monkeypatch.setattr(scale, "cores", lambda: 1000)
    with pytest.raises(SystemExit, match="its cores_used differ from this start's; remove it, or give --out"):
        start(monkeypatch, out, "50")


def test_the_ratio_is_that_of_medians():
    seconds = [(2.0, 3.0), (4.0, 4.4), (90.0, 5.0)]
    turns = {
        str(number): {
            "bare": {"wall_seconds": bare, "processor_seconds": 1.0},
            "relabel": {"wall_seconds": relabel, "processor_seconds": 1.1},
        }
        for number, (bare, relabel) in enumerate(seconds)
    }
    assert scale_page.compared(turns) == {"wall": 1.1, "processor": 1.1}


def small_reward(path):
    return fitted_reward(path, target_layers=(8,), predictor_layers=(8,), outputs=4, folds=2)


@pytest.mark.parametrize("name", WRITERS)
def test_the_bare_copy_has_what_relabelling_has(tmp_path, name):
    rows, (place, write) = 2500, WRITERS[name]
    write(tmp_path / place, rows)
    reward, out, bare = small_reward(tmp_path / "reward.safetensors"), tmp_path / "out", tmp_path / "bare"
    copy(load_reward(reward).predict, tmp_path / place, bare)
    relabel(reward, tmp_path / place, out, jobs=1)
    ours, theirs = (columns(folder) for folder in (out, bare))
    assert ours.keys() == theirs.keys() == {*next(blocks(rows))[1], "environment_reward"}
    for column, values in ours.items():
        if column == "rewards":  # the number of threads may change the last bits
            assert np.allclose(values, theirs[column], rtol=1e-5)
        else:
            assert values.tobytes() == theirs[column].tobytes()


def columns(path):
    if path.is_file():
        with h5py.File(path) as file:
            return {name: file[name][:] for name in file}
    table = pq.read_table([*sorted(path.glob("*.parquet"))])
    return {name: np.array(table[name].to_pylist()) for name in table.column_names}


def test_steps_are_counted_from_the_start_of_each_episode():
    assert steps_of(np.array([0, 0, 1, 0, 1, 1, 0], bool)).tolist() == [0, 1, 2, 0, 1, 0, 0]


def test_the_page_has_the_figures():
    content = json.loads(scale.OUT.read_text())
    assert scale_page.costs(content) in scale_page.PAGE.read_text()
    table = scale_page.costs(content)
    first = content["sizes"]["100000"]["hdf5"]
    assert f"| 1 thread | 100,000 | {first['1 thread']['wall_seconds']:.3g} |" in table
    assert f"{first['stages_us']['open']:.3g}" in table
