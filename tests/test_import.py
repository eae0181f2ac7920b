"""What `import rexd` costs and asks for."""

import ast
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

import rexd
from rexd.errors import MissingExtraError, import_extra

EXTRAS = ("gymnasium", "jax", "stable_baselines3", "sbx", "minari", "h5py", "matplotlib")


def python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120).stdout


def public_names() -> dict[str, str]:
    """Map each public name to the module that the imports for type checkers take it from."""
    tree = ast.parse(Path(rexd.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_import_is_quick():
    # The best of five: the machine may be busy, and the first run may still write bytecode.
    timed = "import time; start = time.perf_counter(); import rexd; print(time.perf_counter() - start)"
    seconds = [float(python(timed)) for _ in range(5)]
    assert min(seconds) < 2, f"import rexd took {seconds} seconds"


@pytest.mark.parametrize(
    ("layer", "above"),
    [
        ("demos", ("reward", "ding", "rl", "evaluation", "report", "cli")),
        ("reward", ("ding", "rl", "evaluation", "report", "cli")),
        ("ding", ("rl", "evaluation", "report", "cli")),
    ],
)
def test_core_layer_imports_no_extra_and_no_layer_above(layer, above):
    # Every module of the layer, not only what its __init__ brings in: a reader for an extra loads it on first use.
    loaded = python(
        "import importlib, pkgutil, sys\n"
        f"import rexd.{layer} as layer\n"
        "for module in pkgutil.walk_packages(layer.__path__, layer.__name__ + '.'):\n"
        "    if module.name != 'rexd.ding.installed':  # asks for DI-engine\n"
        "        importlib.import_module(module.name)\n"
        "print(*sys.modules)"
    ).split()
    forbidden = {*EXTRAS, *(f"rexd.{name}" for name in above)}
    assert forbidden.isdisjoint(loaded), sorted(forbidden.intersection(loaded))


def test_import_loads_neither_an_extra_nor_torch():
    loaded = python("import sys, rexd; print(*sys.modules)").split()
    assert {*EXTRAS, "torch"}.isdisjoint(loaded)


def test_lazy_names_are_those_that_type_checkers_see():
    assert public_names() == rexd._HOME
    assert {*rexd._HOME, "__version__"} == set(rexd.__all__) <= set(dir(rexd))


@pytest.mark.parametrize("name", [name for name in rexd.__all__ if name != "__version__"])
def test_public_name_loads(name):
    home = rexd._HOME[name]
    if home.startswith("rexd.rl."):
        pytest.importorskip("gymnasium")
    assert getattr(rexd, name) is getattr(import_module(home), name)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'rexd' has no attribute 'no_such_name'"):
        _ = rexd.no_such_name


def test_missing_extra_names_the_install_line():
    with pytest.raises(MissingExtraError, match=r"no_such_module_x is not installed.*pip install 'rexd\[train\]'"):
        import_extra("no_such_module_x", "train")
    with pytest.raises(MissingExtraError, match=r"^runs/a\.hdf5: no_such_module_x is not installed"):
        import_extra("no_such_module_x", "minari", to_read="runs/a.hdf5")


def test_numpy_is_the_one_asked_for_and_torch_reads_it():
    assert np.__version__.startswith(os.environ.get("REXD_TEST_NUMPY", ""))
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    doubled = torch.from_numpy(rows) * 2
    np.testing.assert_array_equal(doubled.numpy(), rows * 2)
