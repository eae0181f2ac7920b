"""No pickle makes rexd execute anything: an attack that succeeded would leave a mark, and none does."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from bad_pickles import attacks, opcodes

from rexd.errors import UnsafeFileError
from rexd.reading.containers.pickles.unpickler import loads_pickle


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


def made(mark: Path) -> bool:
    return mark.exists() or mark.with_suffix(".npy").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_the_attack_is_real(mark: Path, protocol: int) -> None:
    # Without this, the tests here would also pass with attacks that never worked.
    pickle.loads(pickle.dumps(attacks(mark)["system"], protocol))
    assert made(mark)


@pytest.mark.parametrize("protocol", range(6))
def test_hidden_in_an_object_array(mark: Path, protocol: int) -> None:
    array = np.empty(2, dtype=object)
    array[1] = [(attacks(mark)["system"],)]
    with pytest.raises(UnsafeFileError, match="system"):
        loads_pickle(pickle.dumps(array, protocol), "memory")
    assert not made(mark)


@pytest.mark.parametrize("protocol", range(6))
def test_hidden_behind_an_honest_beginning(mark: Path, protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan refuses before the first object exists."""
    created: list[object] = []
    monkeypatch.setattr("rexd.reading.containers.pickles.rebuild.DtypeSpec.__init__", lambda *a: created.append(a))
    with pytest.raises(UnsafeFileError, match="system"):
        loads_pickle(pickle.dumps([np.zeros(3), attacks(mark)["system"]], protocol), "memory")
    assert created == []


def test_a_loaded_file_changes_nothing_for_the_next(mark: Path) -> None:
    with pytest.raises(UnsafeFileError):
        loads_pickle(opcodes(mark)["BUILD on an allowed name"], "memory")
    np.testing.assert_array_equal(loads_pickle(pickle.dumps(np.arange(3)), "memory"), np.arange(3))


def test_unpickler_refuses_even_if_the_scan_is_blind(mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line of defence holds by itself."""
    monkeypatch.setattr("rexd.reading.containers.pickles.unpickler.scan_pickle", lambda *args, **kwargs: 0)
    for protocol in range(6):
        for attack in attacks(mark).values():
            with pytest.raises(UnsafeFileError, match="the pickle asks for"):
                loads_pickle(pickle.dumps(attack, protocol), "memory")
    for name in ("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "STACK_GLOBAL", "dotted name", "PERSID", "BINPERSID"):
        with pytest.raises(UnsafeFileError):
            loads_pickle(opcodes(mark)[name], "memory")
    assert not made(mark)
