"""Fixtures that all tests may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real demonstrations, which the project does not ship; tests that need it skip without it."""
    named = os.environ.get("REXD_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not (folder / "red").is_dir():
        pytest.skip(f"no real demonstrations in {folder}; set REXD_TEST_DATA to a folder that has red/")
    return folder
