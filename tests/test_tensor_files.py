"""A file of tensors tells what was changed in it, and is the same for the same content."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rexd.errors import RunError
from rexd.tensors import read_tensors, write_tensors

CONTENT = {"version": 1, "names": ["a", "ä"], "nested": {"x": 0.1, "n": None}}
TENSORS = {
    "w": torch.linspace(-1.0, 1.0, 60).reshape(3, 20),
    "n": torch.tensor(7),
    "on": torch.tensor([True, False]),
    "none": torch.zeros(0, 4),
    "half": torch.ones(3, dtype=torch.float16),
}


def test_every_flipped_bit_is_told_or_changes_nothing(tmp_path):
    path = write_tensors(tmp_path / "a.safetensors", "thing", CONTENT, TENSORS)
    good, rng, told = path.read_bytes(), np.random.default_rng(0), 0
    values = len(good) - sum(tensor.nbytes for tensor in TENSORS.values())
    for bit in rng.integers(8 * len(good), size=600):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        try:
            content, tensors = read_tensors(path, "thing", RunError, "Mend")
        except RunError:
            told += 1
            continue
        assert bit // 8 < values  # in the header, where a space may become another one
        assert content == {**CONTENT, **content}
        assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())
    assert told > 590


def test_a_change_of_the_description_is_told_with_the_mend(tmp_path):
    path = write_tensors(tmp_path / "a.safetensors", "thing", CONTENT, TENSORS)
    path.write_bytes(path.read_bytes().replace(b"0.1", b"0.2"))
    with pytest.raises(RunError, match=rf"{path}: its content is not what was written.*Copy it again"):
        read_tensors(path, "thing", RunError, "Copy it again")


def test_a_file_without_a_hash_is_read(tmp_path):
    save_file({"w": TENSORS["w"]}, tmp_path / "old", metadata={"format": "rexd-thing", "rexd-thing": '{"version": 1}'})
    content, tensors = read_tensors(tmp_path / "old", "thing", RunError, "")
    assert content == {"version": 1}
    assert torch.equal(tensors["w"], TENSORS["w"])


def test_the_hash_is_no_part_of_what_is_read(tmp_path):
    path = write_tensors(tmp_path / "a.safetensors", "thing", CONTENT, TENSORS)
    content, tensors = read_tensors(path, "thing", RunError, "")
    assert content == CONTENT
    assert load_file(path).keys() == tensors.keys() == TENSORS.keys()


def test_the_same_content_is_the_same_file_in_every_process(tmp_path):
    code = (
        "import sys, torch; from rexd.tensors import write_tensors; "
        "write_tensors(sys.argv[1], 'thing', {'a': 1, 'b': [2]}, {'w': torch.ones(3), 'v': torch.zeros(2)})"
    )
    files = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for file in files:
        subprocess.run([sys.executable, "-c", code, str(file)], check=True)
    assert len({file.read_bytes() for file in files}) == 1
