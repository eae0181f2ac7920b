"""Every command of docs/methods.md is understood, and means what the page says."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tyro

from rexd.benchmark.suite import load_suite
from rexd.cli.verbs.train import Command
from rexd.reward.red.config import REDConfig
from rexd.rl.config import TrainConfig

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
COMMANDS = {
    title: [shlex.split(line)[2:] for line in re.findall(r"^rexd train .*$", text, flags=re.MULTILINE)]
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
}


def parsed(words):
    return tyro.cli(Command, args=words, config=(tyro.conf.FlagCreatePairsOff,))


@pytest.mark.parametrize(
    ("title", "method"),
    [
        ("rexd", "rexd"),
        ("RED without replay", "red-off-policy"),
        ("Discriminator-actor-critic", "dac"),
        ("Constant reward", "sqil"),
        ("The environment's reward", "sac"),
    ],
)
def test_commands_are_the_benchmark_s_methods(title, method):
    """But for their steps, which a task of the benchmark sets."""
    (words,) = COMMANDS[title]
    config = parsed(words)._config()
    (settings,) = (m.settings for m in load_suite("red").methods if m.name == method)
    assert config == TrainConfig.from_dict({**settings, "steps": config.steps})


@pytest.mark.parametrize("words", COMMANDS["RED as in the paper"], ids=lambda words: words[0].partition("-")[0])
def test_commands_of_the_paper(words):
    command = parsed(words)
    task = words[0].partition("-")[0]
    config = command._config()
    assert command.data.env.partition("-")[0] == task
    assert (config.algorithm, config.environments, config.steps) == ("sb3-ppo", 8, 5_000_000)
    assert config.reward == REDConfig.paper(task, rows=4 * (50 if task == "Reacher" else 1000))
    assert config.discount == (0.99 if task == "Reacher" else 0.97)
    assert config.warm_start == {"HalfCheetah": 640, "Ant": 320}.get(task, 0)
    row = next(cells for line in PAGE.splitlines() if len(cells := line.split("|")) == 8 and task in cells[1])
    assert row[2].strip() == f"4×{config.reward.target_layers[0]} → 1×{config.reward.predictor_layers[0]}"
    assert row[3].strip() == f"{config.reward.sigma:,.0f}"


def test_all_commands_are_tested():
    assert sum(map(len, COMMANDS.values())) == 10
    assert len(COMMANDS["RED as in the paper"]) == 5


def test_cloning(tmp_path, monkeypatch):
    pytest.importorskip("gymnasium")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    names = {}
    exec(compile(block, "docs/methods.md", "exec"), names)
    action, _ = names["rexd"].load_policy("cloned.safetensors").predict(np.zeros(17))
    assert action.shape == (6,)
