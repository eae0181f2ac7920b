"""Relabelling as a whole: the bytes are those of ``predict``, however often the work was stopped."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from offline import Offline, bare_predict, small_reward

from rexd.errors import DemonstrationError, RexdError, SpaceMismatchError
from rexd.relabel import shards
from rexd.relabel.relabel import relabel
from rexd.reward.red.red import RED

SEVERAL = Offline(lengths=(9000, 20000, 7000, 14000))  # four shards


@pytest.fixture(scope="module")
def reward(tmp_path_factory):
    return small_reward(tmp_path_factory.mktemp("reward") / "reward.safetensors")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return SEVERAL.hdf5(tmp_path_factory.mktemp("data") / "data.hdf5")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, reward, dataset):
    out = tmp_path_factory.mktemp("whole") / "out.hdf5"
    made = relabel(reward, dataset, out, jobs=1)
    assert (made.rows, made.episodes, made.shards, made.resumed) == (50000, 4, 4, 0)
    return bytes_of(out)


def bytes_of(out: Path) -> dict[str, bytes]:
    manifest = json.loads(out.with_name(f"{out.name}.manifest.json").read_text())
    del manifest["source"]
    return {"file": out.read_bytes(), "manifest": json.dumps(manifest).encode()}


def test_rewards_are_those_of_one_predict_of_all_rows(tmp_path, reward, dataset):
    out = tmp_path / "out.hdf5"
    relabel(reward, dataset, out, jobs=2)
    with h5py.File(out) as file:
        assert file["rewards"][:].tobytes() == bare_predict(reward, SEVERAL).tobytes()
        assert file["environment_reward"][:].tobytes() == SEVERAL.paid.tobytes()


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_number_of_workers_changes_nothing(tmp_path, reward, dataset, undisturbed, jobs):
    out = tmp_path / "out.hdf5"
    relabel(reward, dataset, out, jobs=jobs)
    assert bytes_of(out) == undisturbed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.hdf5", "out.hdf5.manifest.json"]


class Stop(BaseException):
    """What ends the process in the middle, as far as a test in one process can do that."""


@pytest.mark.parametrize("after", [1, 3])
def test_the_same_call_goes_on_where_it_was_stopped(tmp_path, reward, dataset, undisturbed, after):
    out, seen = tmp_path / "out.hdf5", []

    def stop(done, total):
        seen.append(done)
        if len(seen) > after:
            raise Stop

    with pytest.raises(Stop):
        relabel(reward, dataset, out, jobs=1, progress=stop)
    assert not out.exists()
    assert json.loads(out.with_name("out.hdf5.manifest.json").read_text())["complete"] is False
    made = relabel(reward, dataset, out, jobs=2)
    assert made.resumed == after
    assert bytes_of(out) == undisturbed


def test_a_complete_copy_is_left_alone(tmp_path, reward, dataset):
    out = tmp_path / "out.hdf5"
    relabel(reward, dataset, out)
    before = out.stat().st_mtime_ns
    asked = []
    relabel(reward, dataset, out, progress=lambda done, total: asked.append(done))
    assert out.stat().st_mtime_ns == before
    assert asked == []


def test_a_damaged_shard_is_scored_again(tmp_path, reward, dataset, undisturbed):
    out, seen = tmp_path / "out.hdf5", []

    def stop(done, total):
        seen.append(done)
        if len(seen) > 3:
            raise Stop

    with pytest.raises(Stop):
        relabel(reward, dataset, out, jobs=1, progress=stop)
    first, second, _ = sorted((tmp_path / "out.hdf5.parts").glob("rewards-*"))
    first.write_bytes(first.read_bytes()[:-4])
    content = bytearray(second.read_bytes())
    content[5] ^= 1
    second.write_bytes(content)
    assert relabel(reward, dataset, out).resumed == 1
    assert bytes_of(out) == undisturbed


@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_makes_the_same_bytes(tmp_path, dataset):
    few = Offline(lengths=(60, 60), seed=1).demos
    reward = (
        RED(updates=30).fit(few).save(tmp_path / "reward.safetensors")
    )  # large networks, so that scoring takes time

    def start(folder):
        (tmp_path / folder).mkdir(exist_ok=True)
        words = [sys.executable, "-m", "rexd", "relabel", reward, dataset, "-o", tmp_path / folder / "out.hdf5"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([*map(str, words), "--jobs", "1"], **quiet)

    def shards():
        return len([*(tmp_path / "killed").glob("out.hdf5.parts/rewards-*")])

    begun = time.monotonic()
    assert start("whole").wait() == 0
    seconds, rng, begun_at = time.monotonic() - begun, np.random.default_rng(0), []
    for wanted in (0, 0, 1, 1, 2):  # shards that are done; none stands for any moment before
        process = start("killed")
        if wanted == 0:
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds * rng.uniform(0.2, 0.6))
        while shards() < wanted and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        begun_at.append(shards())
    assert start("killed").wait() == 0
    assert max(begun_at) > 0, "no kill came while shards were scored"
    assert bytes_of(tmp_path / "killed/out.hdf5") == bytes_of(tmp_path / "whole/out.hdf5")
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["out.hdf5", "out.hdf5.manifest.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_two_processes_do_not_write_the_same_copy(tmp_path, reward, dataset, undisturbed):
    out = tmp_path / "out.hdf5"
    holds = (  # stops after its second shard, and holds the lock there
        "import sys, time\nfrom rexd.relabel.relabel import relabel\n"
        "def wait(done, total):\n    if done > 2**14:\n        print('held', flush=True)\n        time.sleep(600)\n"
        "relabel(*sys.argv[1:], jobs=1, progress=wait)"
    )
    holder = subprocess.Popen([sys.executable, "-c", holds, reward, dataset, out], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        for same in (out, tmp_path / "." / "out.hdf5"):
            with pytest.raises(RexdError, match=rf"out.hdf5 is in use by another process \(process {holder.pid} on"):
                relabel(reward, dataset, same)
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        relabel(reward, dataset, tmp_path / "beside.hdf5")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert relabel(reward, dataset, out).resumed >= 1
    assert bytes_of(out) == undisturbed
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("beside")) == [
        "out.hdf5",
        "out.hdf5.manifest.json",
    ]


def flip(path, byte=None):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if byte is None else byte] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("layout", ["hdf5", "npz", "minari", "parquet", "lerobot"])
def test_a_flipped_bit_in_a_complete_copy_is_mended_by_the_same_command(tmp_path, reward, layout):
    name = {"hdf5": "out.hdf5", "npz": "out.npz", "minari": "out-v0"}.get(layout, "out")
    source, folder = getattr(Offline(), layout)(tmp_path / name.replace("out", "data")), tmp_path / "copies"
    relabel(reward, source, folder / name)
    good = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(good) == {"hdf5": 2, "npz": 2, "minari": 3, "parquet": 4, "lerobot": 5}[layout]
    for path in good:
        flip(path)
        if path.name.endswith("manifest.json"):
            with pytest.raises(RexdError, match="is no manifest of rexd relabel"):
                relabel(reward, source, folder / name)
            path.write_bytes(good[path])
        relabel(reward, source, folder / name)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == good


def test_another_number_in_the_manifest_is_told(tmp_path, reward, dataset):
    out = tmp_path / "out.hdf5"
    relabel(reward, dataset, out)
    manifest = tmp_path / "out.hdf5.manifest.json"
    content = manifest.read_text()
    for good, bad in (('"without_next": 1', '"without_next": 3'), ('"complete": true', '"complete": 1')):
        assert good in content
        manifest.write_text(content.replace(good, bad, 1))
        with pytest.raises(RexdError, match=r"\(it is not as it was written\)"):
            relabel(reward, dataset, out)


def test_a_flipped_bit_in_an_unpacked_array_is_not_scored(tmp_path, reward):
    source, out, data = tmp_path / "data.npz", tmp_path / "out.npz", Offline()
    data.npz(source, np.savez_compressed)

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        relabel(reward, source, out, progress=stop)
    flip(tmp_path / "out.npz.parts" / "observations.npy")
    relabel(reward, source, out)
    with np.load(out) as file:
        assert file["rewards"].tobytes() == bare_predict(reward, data).tobytes()


def test_other_work_in_the_same_place_is_refused(tmp_path, reward, dataset):
    out = tmp_path / "out.hdf5"
    relabel(reward, dataset, out)
    before = bytes_of(out)
    other = small_reward(tmp_path / "other.safetensors", seed=5)
    with pytest.raises(RexdError, match=r"made of something else \(its reward_sha256 differ"):
        relabel(other, dataset, out)
    (tmp_path / "taken.hdf5").write_text("mine")
    with pytest.raises(RexdError, match="exists, without a manifest"):
        relabel(reward, dataset, tmp_path / "taken.hdf5")
    assert bytes_of(out) == before
    assert (tmp_path / "taken.hdf5").read_text() == "mine"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": "rexd.relabel", "version": 1}', "[" * 100_000])
def test_a_damaged_manifest_is_told(tmp_path, reward, dataset, content):
    (tmp_path / "out.hdf5.manifest.json").write_text(content)
    with pytest.raises(RexdError, match=r"is no manifest of rexd relabel .*Remove it"):
        relabel(reward, dataset, tmp_path / "out.hdf5")


def test_a_reward_of_another_task_is_refused_before_anything_is_written(tmp_path, dataset):
    narrow = Offline(lengths=(60, 60)).demos.select_columns([0, 1])
    other = RED(updates=5, target_layers=(8,), predictor_layers=(8,)).fit(narrow).save(tmp_path / "r.safetensors")
    with pytest.raises(SpaceMismatchError, match=r"fitted to \(batch, 2\)"):
        relabel(other, dataset, tmp_path / "out.hdf5")
    assert [path.name for path in tmp_path.iterdir()] == ["r.safetensors"]


def test_what_is_no_dataset_is_refused(tmp_path, reward):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DemonstrationError, match="is no dataset that can be relabelled"):
        relabel(reward, tmp_path / "a.csv", tmp_path / "out")
    with pytest.raises(DemonstrationError, match="does not exist"):
        relabel(reward, tmp_path / "missing.hdf5", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_row_that_is_not_a_number_ends_it_with_the_row(tmp_path, reward, monkeypatch):
    from rexd.demos import streamed

    monkeypatch.setattr(streamed, "STREAM_BYTES", 0)  # rows are checked when they are read
    data = Offline()
    data.obs[2000, 1] = np.nan
    with pytest.raises(DemonstrationError, match="trajectory 2"):
        relabel(reward, data.hdf5(tmp_path / "d.hdf5"), tmp_path / "out.hdf5")
    assert not (tmp_path / "out.hdf5").exists()


def test_a_reward_of_state_and_next_state(tmp_path):
    reward, data = small_reward(tmp_path / "r.safetensors", inputs="state-next-state"), Offline()
    out = tmp_path / "out.hdf5"
    made = relabel(reward, data.hdf5(tmp_path / "d.hdf5"), out)
    assert made.without_next == len(data.lengths)
    following = np.append(data.obs[1:], data.obs[-1:], axis=0)
    following[data.stops - 1] = data.obs[data.stops - 1]
    with h5py.File(out) as file:
        assert file["rewards"][:].tobytes() == bare_predict(reward, data, following).tobytes()


def test_blocks_begin_within_episodes(monkeypatch):
    data = Offline()
    for start, stop in ((0, 1), (0, data.rows), (650, 1200), (999, 1001), (data.rows - 1, data.rows)):
        rows = shards.read_rows(data.demos, start, stop)
        assert rows.step.tolist() == data.step[start:stop].tolist()
        assert rows.obs.tobytes() == data.obs[start:stop].tobytes()
        assert rows.trajectory.tolist() == (data.episode[start:stop] - data.episode[start]).tolist()


def test_a_reward_that_remembers_is_given_whole_episodes(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_ROWS", 1024)
    data = Offline()

    class Remembers:
        stateful = True

        def predict(self, obs, act, next_obs, step):
            assert step[0] == 0
            begins = np.maximum.accumulate(np.where(step == 0, np.arange(len(step)), 0))
            total = np.cumsum(obs[:, 0].astype(float))
            return (1 / (1 + np.exp(obs[begins, 0] - total + total[begins]))).astype(np.float32)

    model = Remembers()
    parts = [shards.score(model, data.demos, n).rewards for n in range(shards.count_shards(data.rows))]
    assert len(parts) == 4
    assert np.allclose(np.concatenate(parts), model.predict(data.obs, data.act, None, data.step), atol=1e-6)
