"""The cheap part of what a newcomer does, from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "newcomer.sh"


@pytest.mark.slow
def test_the_first_steps_on_own_data(tmp_path: Path) -> None:
    pytest.importorskip("sbx")
    command = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", str(SCRIPT), "--quick", str(tmp_path)],
        env={**os.environ, "PATH": f"{command}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said = " ".join((done.stdout + done.stderr).split())
    assert "Robot has no time limit that is known" in said
    assert "episodes are cut off (truncated) after 80 steps" in said
    assert (tmp_path / "runs" / "cartpole" / "policy.safetensors").is_file()
    assert not list(tmp_path.rglob(".*"))  # half-written files have names that begin with a dot
