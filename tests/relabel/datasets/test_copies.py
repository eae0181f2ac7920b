"""The copies of all layouts: every column but the reward is kept, and other programs read them."""

import json
import shutil
import time
from dataclasses import replace

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from offline import Offline, bare_predict, small_reward

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations
from rexd.reading.minari.writing import save_minari
from rexd.relabel.datasets import parquet
from rexd.relabel.relabel import relabel

DATA = Offline()


@pytest.fixture(scope="module")
def reward(tmp_path_factory):
    return small_reward(tmp_path_factory.mktemp("reward") / "reward.safetensors")


@pytest.fixture(scope="module")
def expected(reward):
    return bare_predict(reward, DATA)


def read(out):
    """The rewards of a copy, as the reading room finds them."""
    return np.concatenate([t.rewards for t in load_demonstrations(out)])


def test_hdf5_keeps_what_else_it_holds(tmp_path, reward, expected):
    source, out = DATA.hdf5(tmp_path / "d.hdf5"), tmp_path / "out.hdf5"
    relabel(reward, source, out)
    with h5py.File(source) as old, h5py.File(out) as new:
        assert set(new) == {*old, "environment_reward"}
        assert dict(new.attrs) == dict(old.attrs)
        for name in ("observations", "actions", "terminals", "timeouts", "infos/qpos"):
            assert new[name][:].tobytes() == old[name][:].tobytes()
            assert new[name].compression == old[name].compression
        assert new["environment_reward"][:].tobytes() == DATA.paid.tobytes()
    assert read(out).tobytes() == expected.tobytes()


def test_a_copy_of_a_copy_keeps_the_environments_reward(tmp_path, reward, expected):
    other = small_reward(tmp_path / "other.safetensors", seed=3)
    for name, write in (("d.hdf5", DATA.hdf5), ("d.npz", DATA.npz), ("pq", DATA.parquet), ("m-v0", DATA.minari)):
        relabel(other, write(tmp_path / name), tmp_path / f"one-{name}")
        relabel(reward, tmp_path / f"one-{name}", tmp_path / f"two-{name}")
    with h5py.File(tmp_path / "two-d.hdf5") as file:
        assert file["environment_reward"][:].tobytes() == DATA.paid.tobytes()
        assert file["rewards"][:].tobytes() == expected.tobytes()
    with np.load(tmp_path / "two-d.npz") as file:
        assert file["environment_reward"].tobytes() == DATA.paid.tobytes()
        assert file["rewards"].tobytes() == expected.tobytes()
    table = pq.read_table([*sorted((tmp_path / "two-pq").glob("*.parquet"))])
    assert table["environment_reward"].to_numpy().tobytes() == DATA.paid.tobytes()
    assert table["reward"].to_numpy().tobytes() == expected.tobytes()
    with h5py.File(tmp_path / "two-m-v0/data/main_data.hdf5") as file:
        kept = [file[f"episode_{n}/infos/environment_reward"][:] for n in range(len(DATA.lengths))]
        assert np.concatenate(kept).tobytes() == DATA.paid.tobytes()


def test_rewards_with_an_axis_of_their_own_and_none_at_all(tmp_path, reward, expected):
    arrays = DATA.arrays
    arrays["rewards"] = arrays["rewards"][:, None].astype(np.float64)
    np.savez(tmp_path / "wide.npz", **arrays)
    relabel(reward, tmp_path / "wide.npz", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as file:
        assert file["rewards"].tobytes() == expected.tobytes()
        assert (file["rewards"].shape, file["rewards"].dtype) == ((DATA.rows, 1), np.float32)
        assert file["environment_reward"].dtype == np.float64
    del arrays["rewards"]
    np.savez(tmp_path / "free.npz", **arrays)
    relabel(reward, tmp_path / "free.npz", tmp_path / "paid.npz")
    with np.load(tmp_path / "paid.npz") as file:
        assert "environment_reward" not in file
        assert file["rewards"].tobytes() == expected.tobytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_keeps_its_arrays(tmp_path, reward, expected, save):
    source, out = DATA.npz(tmp_path / "d.npz", save), tmp_path / "out.npz"
    relabel(reward, source, out)
    with np.load(source) as old, np.load(out) as new:
        assert set(new) == {*old, "environment_reward"}
        for name in set(old) - {"rewards"}:
            assert new[name].tobytes() == old[name].tobytes()
        assert new["environment_reward"].tobytes() == DATA.paid.tobytes()
    assert read(out).tobytes() == expected.tobytes()
    assert not (tmp_path / "out.npz.parts").exists()


def test_rexds_own_npz_is_read_back_as_what_it_was(tmp_path, reward, expected):
    source, out = DATA.own(tmp_path / "d.npz"), tmp_path / "out.npz"
    relabel(reward, source, out)
    before, after = load_demonstrations(source), load_demonstrations(out)
    assert after.lengths.tolist() == list(DATA.lengths)
    for one, other in zip(before, after, strict=True):
        for name in ("observations", "actions", "next_observations", "terminated", "truncated", "next_known", "steps"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert read(out).tobytes() == expected.tobytes()
    with np.load(out) as file:
        assert file["environment_reward"].tobytes() == DATA.paid.tobytes()


def test_rows_that_were_left_out_keep_their_time(tmp_path, reward):
    thin = DATA.demos.subsample(7, offset=3)
    save_demonstrations(thin, tmp_path / "thin.npz")
    relabel(reward, tmp_path / "thin.npz", tmp_path / "out.npz")
    found = load_demonstrations(tmp_path / "out.npz")
    steps = np.concatenate([t.steps for t in found])
    assert steps[:3].tolist() == [3, 10, 17]
    from rexd.reward.files import load_reward

    rows = thin.transitions()
    paid = load_reward(reward).predict(rows.obs, rows.act, None, rows.step)
    assert np.allclose(np.concatenate([t.rewards for t in found]), paid, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"row_group_size": 300, "compression": "zstd"}])
def test_a_folder_of_parquet_whose_episodes_go_on_in_the_next_file(tmp_path, reward, expected, options):
    source, out = DATA.parquet(tmp_path / "pq", **options), tmp_path / "out"
    made = relabel(reward, source, out)
    assert (made.episodes, made.rows) == (len(DATA.lengths), DATA.rows)
    old, new = (pq.read_table([*sorted(folder.glob("*.parquet"))]) for folder in (source, out))
    assert new.column_names == [*old.column_names, "environment_reward"]
    assert new.drop_columns(["reward", "environment_reward"]).equals(old.drop_columns(["reward"]))
    assert new["environment_reward"].to_numpy().tobytes() == DATA.paid.tobytes()
    assert new["reward"].to_numpy().tobytes() == expected.tobytes()
    parts = [pq.ParquetFile(folder / "part-0.parquet").metadata for folder in (source, out)]
    assert [part.num_row_groups for part in parts] == [parts[0].num_row_groups] * 2
    assert len({part.row_group(0).column(0).compression for part in parts}) == 1


@pytest.mark.parametrize(("whole_bytes", "groups"), [(parquet._WHOLE_BYTES, 1), (1000, 2)])
def test_groups_of_rows_are_kept_unless_they_are_large(tmp_path, reward, monkeypatch, whole_bytes, groups):
    monkeypatch.setattr(parquet, "_WHOLE_BYTES", whole_bytes)
    monkeypatch.setattr(parquet, "COPIED_ROWS", 2000)
    source, out = DATA.parquet(tmp_path / "d", cuts=()), tmp_path / "out"
    relabel(reward, source, out)
    (old,), (new,) = (sorted(folder.glob("*.parquet")) for folder in (source, out))
    assert pq.ParquetFile(new).num_row_groups == groups
    assert pq.read_table(new).drop_columns(["reward", "environment_reward"]) == pq.read_table(old).drop_columns(
        ["reward"]
    )
    assert pq.read_table(new)["environment_reward"].to_numpy().tobytes() == DATA.paid.tobytes()


def test_one_parquet_file_with_numbered_columns(tmp_path, reward, expected):
    columns = {f"obs_{i}": DATA.obs[:, i] for i in range(4)} | {f"action_{i}": DATA.act[:, i] for i in range(2)}
    pq.write_table(pa.table({**columns, "episode_id": DATA.episode}), tmp_path / "d.parquet")
    relabel(reward, tmp_path / "d.parquet", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names[-1] == "reward"
    assert table["reward"].to_numpy().tobytes() == expected.tobytes()


def test_files_without_ends_are_one_episode_each(tmp_path, reward, expected):
    (tmp_path / "pq").mkdir()
    for number, stop in enumerate(DATA.stops):
        rows = slice(stop - DATA.lengths[number], stop)
        table = pa.table({"observation": list(DATA.obs[rows]), "action": list(DATA.act[rows])})
        pq.write_table(table, tmp_path / "pq" / f"episode_{number}.parquet")
    made = relabel(reward, tmp_path / "pq", tmp_path / "out")
    assert any("each file is taken as one episode" in text for text in made.notes)
    found = pq.read_table([tmp_path / "out" / f"episode_{n}.parquet" for n in range(len(DATA.lengths))])
    assert found["reward"].to_numpy().tobytes() == expected.tobytes()


def test_lerobot_keeps_its_other_files(tmp_path, reward, expected):
    source, out = DATA.lerobot(tmp_path / "data"), tmp_path / "out"
    relabel(reward, source, out)
    assert (out / "meta/tasks.jsonl").read_text() == "{}\n"
    features = json.loads((out / "meta/info.json").read_text())["features"]
    assert features["next.reward"] == {"dtype": "float32", "shape": [1], "names": None}
    assert read(out).tobytes() == expected.tobytes()
    relabel(small_reward(tmp_path / "o.safetensors", seed=2), out, tmp_path / "again")
    features = json.loads((tmp_path / "again/meta/info.json").read_text())["features"]
    assert {"next.reward", "environment_reward"} < features.keys()


def test_minari_reads_its_copy(tmp_path, reward, expected, monkeypatch):
    minari = pytest.importorskip("minari")
    source, out = DATA.minari(tmp_path / "d-v0"), tmp_path / "out-v0"
    relabel(reward, source, out)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = minari.load_dataset("out-v0")
    episodes = [*dataset.iterate_episodes()]
    assert np.concatenate([e.rewards for e in episodes]).astype(np.float32).tobytes() == expected.tobytes()
    assert np.concatenate([e.infos["environment_reward"] for e in episodes]).tobytes() == DATA.paid.tobytes()
    assert np.concatenate([e.observations[:-1] for e in episodes]).tobytes() == DATA.obs.tobytes()
    assert (out / "manifest.json").is_file()
    assert load_demonstrations(out).lengths.tolist() == list(DATA.lengths)


def test_minari_without_rewards_keeps_none(tmp_path, reward, expected):
    free = Demonstrations(tuple(replace(t, rewards=None) for t in DATA.demos))
    save_minari(free, tmp_path / "free-v0")
    relabel(reward, tmp_path / "free-v0", tmp_path / "out-v0")
    assert read(tmp_path / "out-v0").tobytes() == expected.tobytes()
    with h5py.File(tmp_path / "out-v0/data/main_data.hdf5") as file:
        assert [*file["episode_0/infos"]] == []


@pytest.mark.parametrize("lengths", [[5], "all", [[700]], [700, 300, 1500, 41, 960], [-1, 3501]])
def test_a_header_that_lies_is_told(tmp_path, reward, lengths):
    with np.load(DATA.own(tmp_path / "d.npz")) as file:
        arrays = dict(file)
    header = {**json.loads(arrays["rexd"].tobytes()), "lengths": lengths}
    arrays["rexd"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(tmp_path / "lies.npz", **arrays)
    with pytest.raises(DemonstrationError, match=r"lies\.npz"):
        relabel(reward, tmp_path / "lies.npz", tmp_path / "out.npz")


def test_two_copies_have_the_same_bytes_on_another_day(tmp_path, reward):
    layouts = (("d.hdf5", DATA.hdf5), ("d.npz", DATA.npz), ("pq", DATA.parquet), ("m-v0", DATA.minari))
    sources = {name: write(tmp_path / name) for name, write in layouts}
    for day in ("one", "two"):
        (tmp_path / day).mkdir()
        for name, source in sources.items():
            relabel(reward, source, tmp_path / day / name)
        time.sleep(1.1)  # files that tell the second of their writing would differ
    made = [path.relative_to(tmp_path / "one") for path in sorted((tmp_path / "one").rglob("*")) if path.is_file()]
    assert len(made) == 11
    for path in made:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path


def test_rows_in_another_order_are_refused(tmp_path, reward):
    arrays = {**DATA.arrays, "episode_id": np.arange(DATA.rows) % 5}
    with h5py.File(tmp_path / "mixed.hdf5", "w") as file:
        for name, values in arrays.items():
            file[name] = values
    with pytest.raises(DemonstrationError, match="not stored episode after episode"):
        relabel(reward, tmp_path / "mixed.hdf5", tmp_path / "out.hdf5")


def test_episodes_that_alternate_are_refused(tmp_path, reward):
    ids = np.arange(DATA.rows) % 5
    np.savez(tmp_path / "mixed.npz", **DATA.arrays, episode_id=ids)
    columns = {"obs": list(DATA.obs), "act": list(DATA.act), "episode_id": ids}
    pq.write_table(pa.table(columns), tmp_path / "mixed.parquet")
    for name in ("mixed.npz", "mixed.parquet"):
        with pytest.raises(DemonstrationError, match="rows of several episodes"):
            relabel(reward, tmp_path / name, tmp_path / "out")


def test_a_counter_of_steps_tells_episodes_of_the_same_number_apart(tmp_path, reward, expected):
    (tmp_path / "pq").mkdir()
    for number, stop in enumerate(DATA.stops):
        rows = slice(stop - DATA.lengths[number], stop)
        columns = {"obs": list(DATA.obs[rows]), "act": list(DATA.act[rows]), "step": DATA.step[rows]}
        table = pa.table({**columns, "episode": np.zeros(DATA.lengths[number], int)})
        pq.write_table(table, tmp_path / "pq" / f"{number}.parquet")
    made = relabel(reward, tmp_path / "pq", tmp_path / "out")
    assert made.episodes == len(DATA.lengths)
    found = pq.read_table([tmp_path / "out" / f"{n}.parquet" for n in range(len(DATA.lengths))])
    assert found["reward"].to_numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", ["hdf5", "npz", "parquet", "minari"])
def test_truncated_data_is_told(tmp_path, reward, kind):
    source = getattr(DATA, kind)(tmp_path / {"minari": "d-v0", "parquet": "d"}.get(kind, f"d.{kind}"))
    file = {"minari": source / "data/main_data.hdf5", "parquet": source / "part-1.parquet"}.get(kind, source)
    content = file.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        file.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DemonstrationError, match=r"d[.-]?\w*|part-1"):
            relabel(reward, source, tmp_path / "out")
        shutil.rmtree(tmp_path / "out", ignore_errors=True)


def test_parquet_files_that_do_not_fit_one_another(tmp_path, reward):
    source = DATA.parquet(tmp_path / "pq")
    pq.write_table(pa.table({"other": [1.0]}), source / "stray.parquet")
    with pytest.raises(DemonstrationError, match=r"stray.parquet: its columns differ"):
        relabel(reward, source, tmp_path / "out")
