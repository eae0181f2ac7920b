"""No pickle makes rexd execute anything: every attack would leave a mark, and none does."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rexd.demos import load_demonstrations
from rexd.demos.pickles.unpickler import load_pickle, loads_pickle
from rexd.errors import UnsafeFileError


class Attack:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Callable[..., Any], *args: object) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.function, self.args


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


def attacks(mark: Path) -> dict[str, Attack]:
    touch = f"touch {mark}"
    return {
        "system": Attack(os.system, touch),
        "eval": Attack(builtins.eval, f"open({str(mark)!r}, 'w')"),
        "exec": Attack(builtins.exec, f"open({str(mark)!r}, 'w')"),
        "open": Attack(builtins.open, str(mark), "w"),
        "run": Attack(subprocess.getoutput, touch),
        "import": Attack(builtins.__import__, "os"),
        "getattr": Attack(getattr, "text", "upper"),
        "tofile": Attack(np.save, str(mark), 1),
        "load": Attack(np.load, str(mark)),
        "loads": Attack(pickle.loads, b"cos\nsystem\n."),
        "mkdir": Attack(os.mkdir, str(mark)),
        "ndarray method": Attack(np.ndarray.tofile, np.zeros(1), str(mark)),
    }


NAMES = list(attacks(Path("mark")))


def made(mark: Path) -> bool:
    return mark.exists() or mark.with_suffix(".npy").exists()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", NAMES)
def test_calls_are_refused_and_named(mark: Path, tmp_path: Path, name: str, protocol: int) -> None:
    file = tmp_path / "demos.pkl"
    attack = attacks(mark)[name]
    file.write_bytes(pickle.dumps({"observations": np.zeros((4, 2)), "actions": attack}, protocol))
    with pytest.raises(UnsafeFileError, match=r"demos\.pkl: the pickle asks for '.+'.* it was not read"):
        load_demonstrations(file)
    assert not made(mark)


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
    monkeypatch.setattr("rexd.demos.pickles.rebuild.DtypeSpec.__init__", lambda *a: created.append(a))
    with pytest.raises(UnsafeFileError, match="system"):
        loads_pickle(pickle.dumps([np.zeros(3), attacks(mark)["system"]], protocol), "memory")
    assert created == []


def opcodes(mark: Path) -> dict[str, bytes]:
    touch = f"touch {mark}".encode()
    text = b"X" + len(touch).to_bytes(4, "little") + touch
    return {
        "GLOBAL REDUCE": b"cos\nsystem\n(" + text + b"tR.",
        "INST": b"(" + text + b"ios\nsystem\n.",
        "OBJ": b"(cos\nsystem\n" + text + b"o.",
        "NEWOBJ": b"\x80\x02csubprocess\nPopen\n" + text + b"\x85\x81.",
        "NEWOBJ_EX": b"\x80\x04csubprocess\nPopen\n" + text + b"\x85}\x92.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93" + text + b"\x85R.",
        "STACK_GLOBAL from memo": b"\x80\x04\x8c\x06system\x94\x8c\x02os\x940h\x01h\x00\x93" + text + b"\x85R.",
        "STACK_GLOBAL of DUP": b"\x80\x04\x8c\x02os2\x93.",
        "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0fdtype.__class__\x93.",
        "dotted module": b"cnumpy.os\nsystem\n(" + text + b"tR.",
        "Python 2 name": b"c__builtin__\neval\n(" + text + b"tR.",
        "after POP": b"cos\nsystem\n0N.",
        "EXT1": b"\x80\x02\x82\x01.",
        "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
        "PERSID": b"Pos.system\n.",
        "BINPERSID": b"NQ.",
        "NEXT_BUFFER": b"\x80\x05\x97.",
        "computed name": b"\x80\x04\x8c\x08builtins(\x8c\x04evalt\x93.",
        "BUILD on an allowed name": b"\x80\x02cnumpy\ndtype\n}X\x08\x00\x00\x00__call__Nsb.",
        "BUILD with slots": b"\x80\x02ccollections\nOrderedDict\nN}X\x05\x00\x00\x00_callNs\x86b.",
        "SETITEM on an array": (
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87RK\x00K\x01s."
        ),
    }


@pytest.mark.parametrize("name", list(opcodes(Path("mark"))))
def test_every_way_to_a_global_is_refused(mark: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / "demos.pkl"
    file.write_bytes(opcodes(mark)[name])
    with pytest.raises(UnsafeFileError, match=r"demos\.pkl: "):
        load_pickle(file)
    assert not made(mark)


def test_a_loaded_file_changes_nothing_for_the_next(mark: Path) -> None:
    with pytest.raises(UnsafeFileError):
        loads_pickle(opcodes(mark)["BUILD on an allowed name"], "memory")
    np.testing.assert_array_equal(loads_pickle(pickle.dumps(np.arange(3)), "memory"), np.arange(3))


def test_unpickler_refuses_even_if_the_scan_is_blind(mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line of defence holds by itself."""
    monkeypatch.setattr("rexd.demos.pickles.unpickler.scan_pickle", lambda *args, **kwargs: None)
    for protocol in range(6):
        for attack in attacks(mark).values():
            with pytest.raises(UnsafeFileError, match="the pickle asks for"):
                loads_pickle(pickle.dumps(attack, protocol), "memory")
    for name in ("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "STACK_GLOBAL", "dotted name", "PERSID", "BINPERSID"):
        with pytest.raises(UnsafeFileError):
            loads_pickle(opcodes(mark)[name], "memory")
    assert not made(mark)
