import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from circling import TINY, VELOCITIES, choosing, circling, rows
from memory import more_memory
from safetensors import safe_open
from safetensors.torch import save_file

from rexd.errors import RewardFileError, RexdError, SpaceMismatchError
from rexd.reward.files import load_reward
from rexd.reward.red.red import RED

FORMAT = "rexd-reward"
ENCODER = ("encoder.mean", "encoder.std", "encoder.kept", "encoder.relevance")
KEYS = (
    *ENCODER,
    "held_out_novelty",
    *(f"target.{part}.{n}" for part in ("weights", "biases") for n in range(3)),
    *(f"predictor.{part}.{n}" for part in ("weights", "biases") for n in range(2)),
)


@pytest.fixture(scope="module")
def saved(tiny, tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("reward") / "reward.safetensors")


@pytest.fixture(scope="module")
def content(saved):
    """The tensors and the JSON of a good file."""
    with safe_open(saved, framework="pt") as file:
        description = json.loads(file.metadata()["rexd-reward"])
        del description["sha256"]  # these tests change files in ways that the hash would tell first
        return {name: file.get_tensor(name) for name in file.keys()}, description  # noqa: SIM118


@pytest.fixture
def write(content, tmp_path):
    """Write a file like the good one, but for some tensors or entries of its JSON; None leaves one out."""

    def write(tensors=None, entries=None, text=None):
        good, description = content
        changed = {k: v for k, v in (good | (tensors or {})).items() if v is not None}
        entries = {k: v for k, v in (description | (entries or {})).items() if v is not None}
        path = tmp_path / "changed.safetensors"
        save_file(changed, path, metadata={"rexd-reward": json.dumps(entries) if text is None else text})
        return path

    return write


def test_a_round_trip_predicts_bit_for_bit(tiny, saved):
    loaded = load_reward(saved)
    for array in (rows(circling()), rows(circling(seed=8))):
        assert loaded.predict(*array).tobytes() == tiny.predict(*array).tobytes()
        assert loaded.novelty(*array).tobytes() == tiny.novelty(*array).tobytes()


def test_a_round_trip_keeps_everything_else(tmp_path):
    model = RED(**TINY).fit(circling(steps=80).subsample(2), velocity_columns=VELOCITIES)
    loaded = load_reward(model.save(tmp_path / "deep" / "er" / "r.safetensors"))
    assert loaded.fitted
    assert loaded.config == model.config
    assert loaded.calibration_ == model.calibration_
    assert loaded.checks_ == model.checks_
    assert loaded.sigma_ == model.sigma_
    assert loaded.demonstrations_sha256_ == model.demonstrations_sha256_
    assert loaded.held_out_novelty_.tobytes() == model.held_out_novelty_.tobytes()
    assert loaded.encoder_.dropped_columns == model.encoder_.dropped_columns


def test_a_loaded_model_can_be_saved_and_fitted(saved, tmp_path, tiny):
    loaded = load_reward(saved)
    again = load_reward(loaded.save(tmp_path / "again.safetensors"))
    assert again.predict(*rows(circling())).tobytes() == tiny.predict(*rows(circling())).tobytes()
    loaded.fit(circling(seed=1))
    assert not np.array_equal(loaded.novelty(*rows(circling())), tiny.novelty(*rows(circling())))


@pytest.mark.parametrize("inputs", ["state", "state-next-state"])
def test_other_inputs(inputs, tmp_path):
    model = RED(inputs=inputs, **TINY).fit(circling())
    loaded = load_reward(model.save(tmp_path / "r.safetensors"))
    assert loaded.predict(*rows(circling())).tobytes() == model.predict(*rows(circling())).tobytes()


def test_discrete_actions(tmp_path):
    model = RED(**TINY).fit(choosing())
    loaded = load_reward(model.save(tmp_path / "r.safetensors"))
    assert loaded.encoder_.columns.discrete
    assert loaded.predict(*rows(choosing())).tobytes() == model.predict(*rows(choosing())).tobytes()


def test_several_choices(tmp_path):
    one = choosing()
    pairs = [replace(t, actions=np.stack([t.actions, t.actions % 2], axis=1)) for t in one]
    demos = replace(one, trajectories=tuple(pairs), n_actions=(one.n_actions, 2))
    model = RED(**TINY).fit(demos)
    loaded = load_reward(model.save(tmp_path / "r.safetensors"))
    assert loaded.encoder_.columns.choices == (one.n_actions, 2)
    assert loaded.predict(*rows(demos)).tobytes() == model.predict(*rows(demos)).tobytes()
    with pytest.raises(SpaceMismatchError, match="actions have shape"):
        loaded.predict(*rows(one))
    obs, act = rows(demos)[:2]
    with pytest.raises(SpaceMismatchError, match=r"actions run from 1 to 3.* 0 to below \[3, 2\]"):
        loaded.predict(obs, act + 1)


def test_the_file_holds_what_is_tested_here(content):
    assert set(content[0]) == set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_tensor_is_named(write, key):
    with pytest.raises(RewardFileError, match=rf"tensor '{key}' is missing"):
        load_reward(write({key: None}))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("how", ["longer", "deeper", "scalar"])
def test_a_tensor_of_another_shape_is_named(write, content, key, how):
    good = content[0][key]
    bad = {
        "longer": torch.cat([good, good[:1]]),
        "deeper": good[..., None].clone(),
        "scalar": good.flatten()[0].clone(),
    }[how]
    with pytest.raises(RewardFileError, match=rf"tensor '{key}' has shape .*expected"):
        load_reward(write({key: bad}))


@pytest.mark.parametrize("key", [key for key in KEYS if key != "encoder.kept"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_named(write, content, key, value):
    bad = content[0][key].clone()
    bad.view(-1)[-1] = value
    with pytest.raises(RewardFileError, match=rf"tensor '{key}' holds NaN or infinite values"):
        load_reward(write({key: bad}))


@pytest.mark.parametrize("key", ["encoder.kept", "target.weights.0", "encoder.mean"])
def test_another_kind_of_number_is_named(write, content, key):
    with pytest.raises(RewardFileError, match=rf"tensor '{key}' has .*float16"):
        load_reward(write({key: content[0][key].to(torch.float16)}))


@pytest.mark.parametrize("column", [-1, 8, 10**9])
def test_columns_that_do_not_exist(write, content, column):
    bad = content[0]["encoder.kept"].clone()
    bad[0] = column
    with pytest.raises(RewardFileError, match=r"encoder.kept names columns other than 0 to 7"):
        load_reward(write({"encoder.kept": bad}))


def test_a_spread_of_zero(write, content):
    with pytest.raises(RewardFileError, match=r"encoder.std is not positive"):
        load_reward(write({"encoder.std": torch.zeros_like(content[0]["encoder.std"])}))


def test_a_relevance_that_is_not_positive(write, content):
    with pytest.raises(RewardFileError, match=r"encoder.relevance of a kept column is not positive"):
        load_reward(write({"encoder.relevance": torch.zeros_like(content[0]["encoder.relevance"])}))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short(saved, tmp_path, share):
    whole = saved.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(RewardFileError, match="cut short"):
        load_reward(path)


@pytest.mark.parametrize("content", [b"\x00" * 100, b"not a reward at all", b"\xff" * 64, b"{}"])
def test_a_file_of_another_kind(tmp_path, content):
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(RewardFileError, match="not a readable safetensors file"):
        load_reward(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_another_safetensors_file(tmp_path, metadata):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata=metadata)
    with pytest.raises(RewardFileError, match="a safetensors file, but not a rexd reward"):
        load_reward(path)


@pytest.mark.parametrize("path", ["nowhere.safetensors", "."])
def test_no_file(tmp_path, path):
    with pytest.raises(RewardFileError, match="no such file; rexd fit writes a reward"):
        load_reward(tmp_path / path)


@pytest.mark.parametrize("text", ["", "not json", "null", "[]", '"text"', "3", "{}", "[" * 100_000])
def test_a_description_that_is_not_one(write, text):
    with pytest.raises(RewardFileError, match="damaged reward description"):
        load_reward(write(text=text))


@pytest.mark.parametrize(
    "entries",
    [
        {"config": None},
        {"config": []},
        {"config": "red"},
        {"config": {"shape": "cubic"}},
        {"config": {"epochs": 3}},
        {"config": {"target_layers": [-4]}},
        {"config": {"outputs": "many"}},
        {"columns": "six"},
        {"columns": None},
        {"models": -2},
        {"obs_dim": float("inf")},
        {"obs_dim": None},
        {"sigma": None},
        {"sigma": "wide"},
        {"calibration": {}},
        {"calibration": [1, 2]},
        {"calibration": {"median": 1.0, "anchor": 1.0, "quantiles": 3}},
        {"checks": None},
        {"checks": [{"name": "expert"}]},
        {"demonstrations_sha256": None},
    ],
)
def test_a_damaged_entry(write, entries):
    with pytest.raises(RewardFileError):
        load_reward(write(entries=entries))


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("config", {"target_layers": [30_000, 30_000]}),
        ("config", {"target_layers": [8] * 300_000}),
        ("config", {"predictor_layers": [30_000_000]}),
        ("config", {"outputs": 50_000_000}),
        ("models", 1_000_000),
        ("models", 0),
        ("columns", 50_000_000),
        ("rows", 500_000_000),
        ("obs_dim", 20_000_000),
        ("act_dim", 20_000_000),
        ("image", [4000, 4000, 1]),
    ],
)
def test_sizes_that_the_tensors_do_not_have_take_no_memory(write, content, entry, value):
    if entry == "config":
        value = content[1]["config"] | value
    path = write(entries={entry: value})

    def load():
        with pytest.raises(RewardFileError, match=r"encoder\.|target\.|predictor\.|held_out|models|columns"):
            load_reward(path)

    assert more_memory(load) < 100 * 2**20


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_scales_that_would_break_the_reward(write, content, value):
    with pytest.raises(RewardFileError, match=r"sigma is .*expected a positive number"):
        load_reward(write(entries={"sigma": value}))
    with pytest.raises(RewardFileError, match=r"calibration.anchor is"):
        load_reward(write(entries={"calibration": content[1]["calibration"] | {"anchor": value}}))
    with pytest.raises(RewardFileError, match=r"calibration.near is"):
        load_reward(write(entries={"calibration": content[1]["calibration"] | {"near": value}}))


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "1"])
def test_a_coverage_that_is_no_share(write, content, value):
    with pytest.raises(RewardFileError):
        load_reward(write(entries={"calibration": content[1]["calibration"] | {"coverage": value}}))


def test_a_version_of_the_future(write):
    with pytest.raises(RewardFileError, match="reward file version 3; this rexd reads version 2"):
        load_reward(write(entries={"version": 3}))


def test_every_error_names_the_file(write):
    path = write({"encoder.mean": None})
    with pytest.raises(RexdError, match=str(path)):
        load_reward(path)


def test_a_failed_save_leaves_the_old_file(saved, tiny, monkeypatch, tmp_path):
    path = tiny.save(tmp_path / "r.safetensors")
    before = path.read_bytes()

    def fail(tensors, file, metadata):
        file.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("rexd.tensors.save_file", fail)
    with pytest.raises(OSError, match="no space"):
        tiny.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["r.safetensors"]


def test_a_file_needs_nothing_but_the_core(saved, tiny, tmp_path):
    """Loading and predicting with the extras blocked, in a process of its own."""
    obs, act, _ = rows(circling())
    np.savez(tmp_path / "rows.npz", obs=obs, act=act)
    code = (
        "import sys\n"
        "for name in ('gymnasium', 'jax', 'stable_baselines3', 'sbx'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np, rexd\n"
        "rows = np.load(sys.argv[2])\n"
        "np.save(sys.argv[3], rexd.load_reward(sys.argv[1]).predict(rows['obs'], rows['act']))\n"
    )
    arguments = [str(saved), str(tmp_path / "rows.npz"), str(tmp_path / "out.npy")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=300)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), tiny.predict(obs, act), atol=1e-6)
