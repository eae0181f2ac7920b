"""Settings by keyword: their types stand beside the dataclasses, and a wrong name or type is told."""

import dataclasses
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import rexd
from rexd.errors import RexdError
from rexd.reward.red.config import REDConfig, REDSettings
from rexd.rl.config import TrainConfig, TrainSettings

HOUSE = Path(rexd.__file__).parent
CHECKED = ("__init__", "configs", "reward/red/config", "reward/red/red", "rl/config", "rl/training/train")


@pytest.mark.parametrize(("settings", "config"), [(REDSettings, REDConfig), (TrainSettings, TrainConfig)])
def test_keywords_are_the_fields(settings, config):
    hints = typing.get_type_hints(config)
    fields = {item.name: hints[item.name] for item in dataclasses.fields(config)}
    fields.pop("reward", None)  # an argument of rexd.train, which is a fitted reward
    assert typing.get_type_hints(settings) == fields
    assert settings.__total__ is False


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(RexdError, match=r"unknown reward settings: updatse\. Did you mean 'updates'\?"):
        rexd.RED(updatse=5)
    with pytest.raises(RexdError, match=r"unknown training settings: xyzzy\. The settings are algorithm, .*final_epi"):
        TrainConfig().with_changes({"xyzzy": 1})


def test_settings_override_those_of_the_configuration():
    assert rexd.RED(REDConfig(seed=3, updates=7), seed=4).config == REDConfig(seed=4, updates=7)


def test_mypy_rejects_wrong_types(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "snippet.py").write_text(
        "import rexd\n"
        'rexd.train("demos.npz", env="Hopper-v5", out="run", steps=20_000, seed=1)\n'
        'rexd.train("demos.npz", env="Hopper-v5", out="run", steps="abc")\n'
        'rexd.train("demos.npz", env="Hopper-v5", out="run", stepss=5)\n'
        'rexd.RED(seed=0).fit("demos.npz")\n'
        'rexd.RED(seed="zero")\n'
    )
    # Other modules than those of the functions and their settings are skipped, which takes seconds instead of a minute.
    modules = [str(HOUSE / f"{name}.py") for name in CHECKED]
    options = ["--strict", "--config-file=", "--follow-imports=skip", f"--cache-dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "snippet.py", *modules],
        capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False,
        env={"MYPYPATH": str(HOUSE.parent), "PATH": ""},
    )  # fmt: skip
    found = [line for line in done.stdout.splitlines() if line.startswith("snippet.py") and ": error: " in line]
    assert [line.split(":")[1] for line in found] == ["3", "4", "6"], done.stdout + done.stderr
    assert '"steps" to "train" has incompatible type "str"; expected "int"' in found[0]
    assert '"seed" to "RED" has incompatible type "str"; expected "int"' in found[2]
