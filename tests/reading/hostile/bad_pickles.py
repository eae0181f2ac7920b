"""Pickles that call functions, import modules, reach outside the file, or claim more than they hold."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import re
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from corpus import Make, add

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Attack:
    """An object that is pickled as a call of ``function``."""

    def __init__(self, function: Callable[..., Any], *args: object) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.function, self.args


def attacks(mark: Path) -> dict[str, Attack]:
    """Return calls that Python itself pickles; most of them leave a mark if they succeed."""
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


# In every protocol, and in everything that holds a pickle.


def _pickle(folder: Path, content: Any, protocol: int) -> Path:
    return _write(folder / "demos.pkl", pickle.dumps(content, protocol))


def _npy(folder: Path, content: Any, protocol: int) -> Path:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    return _write(folder / "demos.npy", stream.getvalue() + pickle.dumps(_objects(content), protocol))


def _npz(folder: Path, content: Any, protocol: int) -> Path:
    member = _npy(folder, content, protocol)
    with zipfile.ZipFile(folder / "demos.npz", "w") as archive:
        archive.write(member, "obs.npy")
    member.unlink()
    return folder / "demos.npz"


def _torch_zip(folder: Path, content: Any, protocol: int) -> Path:
    with zipfile.ZipFile(folder / "demos.pt", "w") as archive:
        archive.writestr("demos/data.pkl", pickle.dumps(content, protocol))
    return folder / "demos.pt"


def _torch_legacy(folder: Path, content: Any, protocol: int) -> Path:
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = [
        *(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, system)),
        pickle.dumps(content, protocol),
    ]
    return _write(folder / "demos.pth", b"".join(parts))


def _objects(content: Any) -> Any:
    array = np.empty(1, object)
    array[0] = [(content,)]
    return array


HOLDERS = {
    "a pickle": _pickle,
    "an npy of objects": _npy,
    "an npz of objects": _npz,
    "a torch zip": _torch_zip,
    "a legacy torch file": _torch_legacy,
}


def _holding(holder: Callable[[Path, Any, int], Path], protocol: int, name: str) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        return holder(folder, {"observations": np.zeros((4, 2)), "actions": attacks(mark)[name]}, protocol)

    return make


for _kind, _holder in HOLDERS.items():
    for _protocol in PROTOCOLS:
        add(
            f"os.system in {_kind}, protocol {_protocol}",
            _holding(_holder, _protocol, "system"),
            r"\.system'",
            unsafe=True,
        )
for _name in attacks(Path("mark")):
    add(f"a call of {_name}", _holding(_pickle, 4, _name), "the pickle asks for '.+'.* it was not read", unsafe=True)


# Every instruction that leads to a global, or out of the file.


def opcodes(mark: Path) -> dict[str, bytes]:
    """Return pickles by the instruction that they abuse."""
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
        "within a FRAME": b"\x80\x04\x95\x15\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        "EXT1": b"\x80\x02\x82\x01.",
        "EXT2": b"\x80\x02\x83\x01\x00.",
        "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
        "PERSID": b"Pos.system\n.",
        "BINPERSID": b"NQ.",
        "NEXT_BUFFER": b"\x80\x05\x97.",
        "READONLY_BUFFER": b"\x80\x05N\x98.",
        "computed name": b"\x80\x04\x8c\x08builtins(\x8c\x04evalt\x93.",
        "BUILD on an allowed name": b"\x80\x02cnumpy\ndtype\n}X\x08\x00\x00\x00__call__Nsb.",
        "BUILD with slots": b"\x80\x02ccollections\nOrderedDict\nN}X\x05\x00\x00\x00_callNs\x86b.",
        "SETITEM on an array": (
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87RK\x00K\x01s."
        ),
    }


def _opcode(name: str) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        content = opcodes(mark)[name]
        # so that it is told to be a pickle, which a reader of one would not ask
        return _write(folder / "demos.pkl", content if content.startswith(b"\x80") else b"\x80\x02" + content)

    return make


for _name in opcodes(Path("mark")):
    add(f"instruction {_name}", _opcode(_name), r"demos\.pkl: the pickle ", unsafe=True)


# Functions that execute, import, open or hook, by the modules that pickles may name something of.

GLOBALS = [
    "numpy.load",
    "numpy.save",
    "numpy.memmap",
    "numpy.fromfile",
    "numpy.genfromtxt",
    "numpy.vectorize",
    "numpy.frompyfunc",
    "numpy.ctypeslib.load_library",
    "numpy.f2py.compile",
    "numpy.f2py.crackfortran.myeval",
    "numpy.lib.npyio.load",
    "numpy.testing.rundocs",
    "numpy.testing._private.utils.runstring",
    "numpy.testing._private.utils.measure",
    "numpy.core._multiarray_umath.fromfile",
    "numpy._core.multiarray.fromfile",
    "numpy._core.records.fromfile",
    "numpy._core.multiarray.set_typeDict",
    "numpy._core.numeric.load",
    "numpy.distutils.exec_command.exec_command",
    "torch.load",
    "torch.hub.load",
    "torch.hub.load_state_dict_from_url",
    "torch.jit.load",
    "torch.jit._serialization.load",
    "torch.serialization.load",
    "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_wrapper_subclass",
    "torch._utils._rebuild_parameter_with_state",
    "torch._tensor._rebuild_from_type_v2",
    "torch.utils.cpp_extension.load",
    "torch.nn.modules.module.register_module_forward_hook",
    "torch.package.PackageImporter",
    "torch.classes.load_library",
    "torch._dynamo.guards.GuardBuilder",
    "torch.storage.UntypedStorage.from_file",
    "torch.multiprocessing.reductions.rebuild_storage_fd",
    "builtins.eval",
    "builtins.exec",
    "builtins.getattr",
    "builtins.__import__",
    "builtins.open",
    "builtins.compile",
    "builtins.map",
    "builtins.type",
    "builtins.super",
    "builtins.object",
    "builtins.breakpoint",
    "__builtin__.apply",
    "__builtin__.execfile",
    "functools.partial",
    "functools.reduce",
    "operator.attrgetter",
    "operator.methodcaller",
    "itertools.starmap",
    "os.system",
    "os.popen",
    "os.execv",
    "os.remove",
    "posix.system",
    "nt.system",
    "pty.spawn",
    "shutil.rmtree",
    "subprocess.Popen",
    "subprocess.check_output",
    "multiprocessing.util.spawnv_passfds",
    "webbrowser.open",
    "importlib.import_module",
    "runpy._run_code",
    "pkgutil.resolve_name",
    "code.interact",
    "codeop.compile_command",
    "timeit.timeit",
    "pdb.run",
    "cProfile.run",
    "doctest.debug_script",
    "codecs.open",
    "codecs.decode",
    "_codecs.decode",
    "copyreg._reconstructor",
    "copyreg.__newobj__",
    "copy_reg._reconstructor",
    "types.CodeType",
    "types.FunctionType",
    "marshal.loads",
    "pickle.loads",
    "_pickle.loads",
    "io.open",
    "io.FileIO",
    "socket.create_connection",
    "ctypes.CDLL",
    "sys.settrace",
    "sys.modules.__setitem__",
    "pathlib.PosixPath",
    "urllib.request.urlopen",
    "asyncio.run",
    "logging.config.listen",
    "joblib.numpy_pickle.load",
    "dill._dill._create_function",
    "cloudpickle.cloudpickle._make_function",
    "collections.namedtuple",
    "collections.Counter",
    "pandas.io.pickle.read_pickle",
    "gym.make",
    "gymnasium.make",
    "stable_baselines3.PPO.load",
]


def call(name: str, *args: object) -> bytes:
    """Return a pickle that calls a global by name; the global need not exist on this machine."""
    module, _, function = name.rpartition(".")
    return f"\x80\x02c{module}\n{function}\n".encode("latin-1") + pickle.dumps(args, 2)[2:-1] + b"R."


def _named(name: str) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        return _write(folder / "demos.pkl", call(name, f"touch {mark}"))

    return make


for _name in GLOBALS:
    add(f"global {_name}", _named(_name), f"the pickle asks for '{re.escape(_name)}'", unsafe=True)


# Pickles in pickles.


def _nested(content: Callable[[bytes], bytes]) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        return _write(folder / "demos.pkl", content(call("os.system", f"touch {mark}")))

    return make


def _storage(inner: bytes) -> bytes:
    return b"\x80\x04ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R."


def _tensor(inner: bytes) -> bytes:
    tail = b"K\x00K\x02\x85K\x01\x85\x89}tR."
    return b"\x80\x04ctorch._utils\n_rebuild_tensor_v2\n(" + _storage(inner)[2:-1] + tail


def _parameter_hook(inner: bytes) -> bytes:
    return b"\x80\x02ctorch._utils\n_rebuild_parameter\n(N\x89" + inner[2:-1] + b"tR."


def _array_state(inner: bytes) -> bytes:
    head = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    spec = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87R"
    return head + b"(K\x01K\x01\x85" + spec + b"\x89]" + inner[2:-1] + b"atb."


def _after_an_array(inner: bytes) -> bytes:
    return pickle.dumps(np.array([1], object), 4)[:-1] + inner[2:]


for _name, _made in (
    ("a torch storage that is a pickle", _storage),
    ("a tensor whose storage is a pickle", _tensor),
    ("the hooks of a torch parameter", _parameter_hook),
    ("the state of an object array", _array_state),
    ("what follows an array in the same pickle", _after_an_array),
):
    add(_name, _nested(_made), r"the pickle asks for 'os\.system'", unsafe=True)


# Claims: memory, memo, frames, recursion.

PETABYTE = b"\x8a\x08" + struct.pack("<q", 10**15)
_RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
CLAIMS = {
    "memo index": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "text memo index": b"\x80\x02Np4000000000\n.",
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", 10**15) + b".",
    "bytearray": b"\x80\x05\x96" + struct.pack("<Q", 10**11) + b".",
    "text": b"\x80\x04\x8d" + struct.pack("<Q", 10**12) + b".",
    "integer": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b".",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 10**12) + b"N.",
    "bytearray call": b"\x80\x02cbuiltins\nbytearray\n" + PETABYTE + b"\x85R.",
    "bytes call": b"\x80\x02cbuiltins\nbytes\n" + PETABYTE + b"\x85R.",
    "reconstruct": b"\x80\x02" + _RECONSTRUCT + PETABYTE + b"\x85C\x01b\x87R.",
    "array shape": (
        b"\x80\x02"
        + _RECONSTRUCT
        + b"K\x00\x85C\x01b\x87R(K\x01"
        + PETABYTE
        + b"\x85cnumpy\ndtype\nX\x02\x00\x00\x00f8"
        b"K\x00K\x01\x87R\x89C\x00tb."
    ),
    "long text dtype": b"\x80\x02cnumpy\ndtype\nX\x09\x00\x00\x00U99999999\x85R.",
    "memo copies": (
        b"\x80\x02(c_codecs\nencode\nq\x01X"
        + struct.pack("<I", 2**16)
        + b"a" * 2**16
        + b"q\x02"
        + b"h\x01h\x02\x85R" * 50_000
        + b"t."
    ),
    "shared tuples as a key": b"\x80\x02}N" + b"q\x00h\x00\x86" * 60 + b"Ns.",
    "deep tuple as a key": b"\x80\x02}N" + b"\x85" * 100_000 + b"Ns.",
    "shared tuples in a set": b"\x80\x02cbuiltins\nset\n]N" + b"q\x00h\x00\x86" * 60 + b"a\x85R.",
    "shared tuples in a message": b"\x80\x02cnumpy\ndtype\n]" + b"q\x00h\x00\x86" * 60 + b"\x85R.",
    "no STOP": b"\x80\x04" + b"K\x01" * 1000,
    "an empty stack": b"\x80\x040000.",
    "a memo that is empty": b"\x80\x04h\x05.",
    "a mark as an object": b"\x80\x04(\x94h\x00\x85.",
    "a dict that holds itself as a key": b"\x80\x04}\x94h\x00h\x00s.",
    "an unknown instruction": b"\x80\x04\xff.",
    "a later protocol": b"\x80\x7fN.",
}
"""Pickles by what they claim; no error of Python may escape, and nothing may be allocated."""


def _claim(content: bytes) -> Make:
    return lambda folder, mark: _write(folder / "demos.pkl", content)


for _name, _content in CLAIMS.items():
    add(f"claim: {_name}", _claim(_content), r"demos\.pkl: ", unsafe=False)


# Containers of one or a few bytes each, which take up to 216 in memory; the dicts and sets alone would take 256 MB.

RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\nq\x00(cnumpy\nndarray\n(K\x00tC\x01btq\x01]("
CONTAINERS = {
    "dicts": b"\x80\x04](" + b"}" * 4_000_000 + b"e.",
    "sets": b"\x80\x04](" + b"\x8f" * 1_200_000 + b"e.",
    "dicts of one item": b"\x80\x04](" + b"}NNs" * 1_000_000 + b"e.",
    "lists of one item": b"\x80\x04](" + b"]Na" * 3_500_000 + b"e.",
    "tuples": b"\x80\x04N" + b"\x85" * 3_000_000 + b".",
    "arrays without content": b"\x80\x02" + RECONSTRUCT + b"h\x00h\x01R" * 500_000 + b"e.",
}
for _name, _content in CONTAINERS.items():
    add(f"containers: {_name}", _claim(_content), "made to do harm", unsafe=False)


def _sparse(folder: Path, mark: Path) -> Path:
    with (folder / "demos.pkl").open("wb") as stream:
        stream.write(b"\x80\x04\x8e" + struct.pack("<Q", 3 * 10**9))
        stream.truncate(3 * 10**9 + 12)
    return folder / "demos.pkl"


def _bad_beginning(folder: Path, mark: Path) -> Path:
    content = b"\x80\x04\xff" + bytes(2**20) + os.urandom(2**16) * 1600  # random bytes, lest they be called holes
    return _write(folder / "demos.pkl", content)


def _unsafe_beginning(folder: Path, mark: Path) -> Path:
    return _write(folder / "demos.pkl", call("os.system", f"touch {mark}")[:-1] + os.urandom(2**16) * 1600)


add("size: a pickle of 3 GB of holes", _sparse, r"never written \(a sparse file\)", unsafe=False)
add("size: 100 MB after a bad beginning", _bad_beginning, r"demos\.pkl: the pickle is damaged", unsafe=False)
add("size: 100 MB after an unsafe beginning", _unsafe_beginning, r"asks for 'os\.system'", unsafe=True)


def _deep_object_arrays(folder: Path, mark: Path) -> Path:
    array = np.zeros(1)
    for _ in range(40):
        outer = np.empty(1, object)
        outer[0] = array
        array = outer
    return _write(folder / "demos.pkl", pickle.dumps(array))


def _deep_lists(folder: Path, mark: Path) -> Path:
    return _write(folder / "demos.pkl", b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".")


def _deep_tuples(folder: Path, mark: Path) -> Path:
    return _write(folder / "demos.pkl", b"\x80\x02N" + b"\x85" * 200_000 + b".")


def _list_of_itself(folder: Path, mark: Path) -> Path:
    return _write(folder / "demos.pkl", b"\x80\x02]q\x00h\x00a.")


def _expanded_tensor(folder: Path, mark: Path) -> Path:
    inner = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    inner += b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00xX\x03\x00\x00\x00cpuK\x01NtQ."
    inner += b"\x80\x02]X\x01\x00\x00\x00xa." + struct.pack("<Q", 1) + b"\x00" * 4
    tail = b"K\x00" + PETABYTE + b"\x85K\x00\x85\x89}tR."
    return _write(folder / "demos.pkl", b"\x80\x04ctorch._utils\n_rebuild_tensor_v2\n(" + _storage(inner)[2:-1] + tail)


def _one_row_many_times(folder: Path, mark: Path) -> Path:
    row = np.zeros(10_000)
    return _write(folder / "demos.pkl", pickle.dumps({"obs": [row] * 10**5, "action": [row] * 10**5}, 4))


add("recursion: object arrays", _deep_object_arrays, "object arrays that hold .* too many others", unsafe=False)
add("recursion: lists", _deep_lists, r"demos\.pkl: ", unsafe=False)
add("recursion: tuples", _deep_tuples, r"demos\.pkl: ", unsafe=False)
add("recursion: a list of itself", _list_of_itself, r"demos\.pkl: ", unsafe=False)
add("claim: a tensor of one number expanded", _expanded_tensor, "claim far more memory", unsafe=False)
add("claim: one row a hundred thousand times", _one_row_many_times, "made to exhaust memory", unsafe=False)


def _write(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file
