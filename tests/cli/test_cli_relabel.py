"""``rexd relabel``: what it prints, and how it ends."""

import json

import h5py
import numpy as np
import pytest
from offline import Offline, small_reward

from rexd.demos import streamed
from rexd.relabel import relabel as module


@pytest.fixture
def reward(tmp_path):
    return small_reward(tmp_path / "reward.safetensors")


def test_it_prints_what_it_made(rexd, tmp_path, reward):
    data, out = Offline(), tmp_path / "out.hdf5"
    source = data.hdf5(tmp_path / "d.hdf5")
    found = rexd("relabel", reward, source, "-o", out, "--json").json
    assert (found["rows"], found["episodes"], found["out"]) == (data.rows, 5, str(out))
    assert json.loads((tmp_path / "out.hdf5.manifest.json").read_text())["complete"] is True
    with h5py.File(out) as file:
        assert np.ptp(file["rewards"][:]) > 0
    again = rexd("relabel", reward, source, "-o", out)
    assert again.status == 0
    assert "1 of 1 shards were done already" in again.err


def test_rows_without_a_next_observation_are_told(rexd, tmp_path):
    reward = small_reward(tmp_path / "r.safetensors", inputs="state-next-state")
    result = rexd("relabel", reward, Offline().npz(tmp_path / "d.npz"), "-o", tmp_path / "out.npz")
    assert "WARNING: 5 rows have no recorded next observation" in result.err


def test_wrong_words(fails, tmp_path, reward):
    assert "--jobs is 0; expected 1 or more" in fails("relabel", reward, "x", "-o", tmp_path / "y", "--jobs", "0")
    assert "x: does not exist" in fails("relabel", reward, "x", "-o", tmp_path / "y")


def test_ctrl_c_says_how_to_go_on(rexd, tmp_path, reward, monkeypatch):
    source = Offline().hdf5(tmp_path / "d.hdf5")

    def interrupted(*words):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "score", interrupted)
    out = tmp_path / "out.hdf5"
    result = rexd("relabel", reward, source, "-o", out)
    assert result.status == 130
    assert f"out.hdf5.parts keeps the shards that are done. Go on with: rexd relabel {reward}" in result.err
    monkeypatch.undo()
    assert rexd("relabel", reward, source, "-o", out).status == 0
    assert not (tmp_path / "out.hdf5.parts").exists()


@pytest.mark.parametrize("kind", ["npz", "own", "hdf5"])
def test_a_large_file_is_scored_in_blocks_with_the_same_result(rexd, tmp_path, reward, monkeypatch, kind):
    source = getattr(Offline(), kind)(tmp_path / f"d.{kind.replace('own', 'npz')}")
    whole = rexd("score", reward, source, "-o", tmp_path / "whole.npz", "--json").json
    monkeypatch.setattr(streamed, "STREAM_BYTES", 0)
    monkeypatch.setattr("rexd.reading.formats.npz_arrays.load", None)  # the file is not read at once
    blocks = rexd("score", reward, source, "-o", tmp_path / "blocks.npz", "--json").json
    assert blocks["trajectories"] == whole["trajectories"]
    with np.load(tmp_path / "whole.npz") as one, np.load(tmp_path / "blocks.npz") as other:
        for name in ("rewards", "trajectory"):
            assert one[name].tobytes() == other[name].tobytes()
            assert one[name].dtype == other[name].dtype
