"""Files of rivals that are damaged are refused, and the part that is wrong is named."""

import json

import pytest
import torch
from circling import circling
from estimators import RIVALS, SMALL
from safetensors import safe_open
from safetensors.torch import save_file

from rexd.errors import RewardFileError
from rexd.reward.files import load_reward
from rexd.reward.registry import make_reward

OWN = {
    "nearest-neighbour": "neighbours.rows",
    "autoencoder": "networks.weights.0",
    "kernel-pca": "span.directions",
    "pwil": "atoms",
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The tensors and the JSON of a good file of each rival."""
    found = {}
    for name in RIVALS:
        path = make_reward(name, **SMALL[name]).fit(circling()).save(tmp_path_factory.mktemp(name) / "r.safetensors")
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            content = json.loads(file.metadata()["rexd-reward"])
            del content["sha256"]  # these tests change files in ways that the hash would tell first
            found[name] = tensors, content
    return found


@pytest.fixture
def write(good, tmp_path):
    def write(name, tensors=None, **entries):
        kept, content = good[name]
        path = tmp_path / "changed.safetensors"
        changed = {key: value for key, value in (kept | (tensors or {})).items() if value is not None}
        save_file(changed, path, metadata={"rexd-reward": json.dumps(content | entries)})
        return path

    return write


@pytest.mark.parametrize("name", RIVALS)
def test_a_good_file_is_read(write, name):
    assert load_reward(write(name)).config.type == name


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda value: None, "is missing"),
        (lambda value: value[..., :-1].contiguous(), "has shape"),
        (lambda value: value.double(), "float64"),
        (lambda value: torch.full_like(value, torch.nan), "NaN or infinite"),
    ],
)
def test_a_tensor_that_is_wrong_is_named(good, write, name, change, expected):
    key = OWN[name]
    with pytest.raises(RewardFileError, match=rf"tensor '{key}' .*{expected}|tensor '{key}' {expected}"):
        load_reward(write(name, {key: change(good[name][0][key])}))


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("nearest-neighbour", {"parts": [160]}),
        ("nearest-neighbour", {"parts": [200, 200]}),
        ("nearest-neighbour", {"parts": [159, -1]}),
        ("nearest-neighbour", {"parts": None}),
        ("autoencoder", {"models": -1}),
        ("autoencoder", {"models": 2**40}),
        ("kernel-pca", {"bandwidth": 0.0}),
        ("kernel-pca", {"bandwidth": float("nan")}),
        ("kernel-pca", {"landmarks": 2**60}),
        ("pwil", {"steps": 0}),
        ("pwil", {"steps": 2**62}),
        ("pwil", {"atoms": 0}),
        ("pwil", {"sigma": 0.0}),
        ("pwil", {"version": 1}),
        ("pwil", {"config": {"type": "pwil", "folds": 0}}),
        ("pwil", {"config": {"type": "autoencoder"}}),
    ],
)
def test_a_description_that_is_wrong_is_refused(write, name, entries):
    with pytest.raises(RewardFileError, match=r"changed\.safetensors: "):
        load_reward(write(name, **entries))


@pytest.mark.parametrize("kind", ["gail", 7, None, ["red"]])
def test_a_type_that_is_not_known_lists_the_known(write, kind):
    with pytest.raises(RewardFileError, match=r"a reward of type .*this rexd reads red, nearest-neighbour, "):
        load_reward(write("pwil", config={"type": kind}))
