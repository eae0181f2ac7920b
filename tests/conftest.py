"""Fixtures that all tests may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# What jax compiles is kept, for both workers, for what tests start and for the next time, and compiled in a hurry: a
# learner's programs would take 20 seconds, and few tests run one of them for long. Known before jax is imported.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real demonstrations, which the project does not ship; tests that need it skip without it."""
    named = os.environ.get("REXD_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not (folder / "red").is_dir():
        pytest.skip(f"no real demonstrations in {folder}; set REXD_TEST_DATA to a folder that has red/")
    return folder
