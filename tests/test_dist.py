"""What is given away: the wheel and the sdist, and the files about citing that repeat the version."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import rexd

ROOT = Path(__file__).parents[1]


def command(*arguments, cwd):
    """Run a command without the paths of the present checkout, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(argument) for argument in arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(folder):
    arguments = [sys.executable, str(ROOT / "scripts/check_dist.py"), str(folder)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return folder


@pytest.mark.slow
def test_a_wheel_works_in_a_bare_environment(dist, tmp_path):
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False)
    python = bare / "bin" / "python"
    packages = Path(
        command(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    )
    (wheel,) = dist.glob("*.whl")
    command(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel, cwd=tmp_path)
    # numpy, torch and the others come from the present environment. A path in a .pth file does not bring in the .pth
    # files that lie there, so that an editable rexd stays away.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    home = command(python, "-c", "import rexd; print(rexd.__file__)", cwd=tmp_path).strip()
    assert Path(home).is_relative_to(packages)
    assert command(bare / "bin" / "rexd", "--version", cwd=tmp_path).split()[-1] == rexd.__version__
    inspected = command(bare / "bin" / "rexd", "inspect", "bundled", cwd=tmp_path)
    assert "4, of 1,000 steps: 4,000 transitions" in inspected
    assert "no faults found" in inspected


def test_wheel_and_sdist_pass_their_check(dist):
    checked = check(dist)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("good") == 2


def test_a_missing_sdist_and_a_stranger_in_the_wheel_are_told(dist, tmp_path):
    (wheel,) = dist.glob("*.whl")
    spoilt = tmp_path / wheel.name
    spoilt.write_bytes(wheel.read_bytes())
    with zipfile.ZipFile(spoilt, "a") as archive:
        archive.writestr("tests/test_strange.py", "")
    checked = check(tmp_path)
    assert checked.returncode == 1
    assert "holds tests/test_strange.py" in checked.stdout
    assert "has 0 files *.tar.gz; expected 1" in checked.stdout


def test_the_citation_names_this_version():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == rexd.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
