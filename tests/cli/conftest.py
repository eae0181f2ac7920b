import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from line_task import ENV, make_demonstrations, make_policy

from rexd.cli import main
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.rl.config import TrainConfig


@dataclass
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def rexd(capfd):
    """Call the command in this process."""

    def call(*words: object) -> Result:
        status = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return Result(status, out, err)

    return call


@pytest.fixture
def fails(rexd):
    """Call the command; it must fail with its status and one line, without a traceback. Gives the line."""

    def call(*words: object) -> str:
        result = rexd(*words)
        lines = [line for line in result.err.splitlines() if line.startswith("rexd: error: ")]
        assert (result.status, len(lines)) == (3 if words[0] in ("inspect", "diagnose") else 2, 1), result
        assert "Traceback" not in result.err
        assert result.err.splitlines()[-1] == lines[0]
        return lines[0]

    return call


@pytest.fixture
def demos_file(tmp_path) -> Path:
    """4 trajectories of 40 steps, 3 columns of which the last is constant."""
    return save_demonstrations(make_demonstrations(), tmp_path / "demos.npz")


@pytest.fixture
def run_folder(tmp_path) -> Path:
    """What ``rexd train`` leaves, as far as other verbs read it."""
    folder = tmp_path / "run"
    folder.mkdir()
    make_policy().save(folder / "policy.safetensors")
    content = {"env": ENV, "env_kwargs": {}, "train": TrainConfig().to_dict()}
    (folder / "config.json").write_text(json.dumps(content))
    return folder
