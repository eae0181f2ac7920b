"""Makes ``counting`` and the other helpers importable from the folders below, whichever of them is run alone."""

import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory):
    """Keep what jax compiles for the session: every learner asks for the same programs, each of which takes seconds."""
    if "jax" not in sys.modules:  # nothing that was collected needs it
        return
    jax = sys.modules["jax"]
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("jax")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
