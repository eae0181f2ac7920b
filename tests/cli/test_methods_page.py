"""Every command of docs/methods.md is understood, and means what the page says."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tyro

from rexd.cli.train import Command
from rexd.reward.config import REDConfig
from rexd.rl.config import TrainConfig

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
COMMANDS = {
    title: [shlex.split(line)[2:] for line in re.findall(r"^rexd train .*$", text, flags=re.MULTILINE)]
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
}


def parsed(words):
    return tyro.cli(Command, args=words, config=(tyro.conf.FlagCreatePairsOff,))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("rexd", TrainConfig()),
        (
            "RED without replay",
            TrainConfig(
                demonstration_share=0.0,
                cloning_weight=0.0,
                mean_matching=0.0,
                warm_start=0,
                backup_entropy=True,
                n_step=1,
            ),
        ),
        (
            "Discriminator-actor-critic",
            TrainConfig(
                reward_source="adversarial",
                demonstration_share=0.0,
                cloning_weight=0.0,
                warm_start=0,
                backup_entropy=True,
            ),
        ),
        ("Constant reward", TrainConfig(reward_source="constant")),
        (
            "The environment's reward",
            TrainConfig(reward_source="env", steps=1_000_000, entropy_coefficient=1.0, backup_entropy=True, n_step=1),
        ),
    ],
)
def test_commands(title, expected):
    (words,) = COMMANDS[title]
    assert parsed(words)._config() == expected


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
