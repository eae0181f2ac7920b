import json
from dataclasses import fields

import pytest

from rexd.errors import RexdError
from rexd.reward.red.config import REDConfig
from rexd.rl.config import TrainConfig


def test_json_round_trip():
    config = TrainConfig(
        algorithm="sb3-ppo", reward_source="env", steps=7, absorbing=True, reward=REDConfig(target_layers=(4, 2))
    )
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_defaults_are_enough():
    assert TrainConfig.from_dict({}) == TrainConfig()
    assert TrainConfig().to_dict().keys() == {item.name for item in fields(TrainConfig)}
    assert TrainConfig.from_dict({"reward": {"shape": "rational"}}).reward == REDConfig(shape="rational")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algorithm": "td3"}, "algorithm is 'td3'; expected one of auto, sbx-sac, sbx-sac-discrete, sb3-sac, sb3-ppo"),
        ({"reward_source": "none"}, "reward_source is 'none'; expected one of learned, constant, adversarial, env"),
        ({"reward_source": "adversarial", "algorithm": "sb3-sac"}, "'adversarial' with algorithm 'sb3-sac'.*'auto'"),
        ({"reward_source": "adversarial", "algorithm": "sb3-ppo"}, "'adversarial' with algorithm 'sb3-ppo'.*'auto'"),
        ({"environments": 4}, "environments is 4 with algorithm 'auto'; only 'sb3-ppo' takes more"),
        ({"environments": 0}, "environments is 0; expected a positive number"),
        ({"steps": 0}, "steps is 0; expected a positive number"),
        ({"batch_size": -1}, "batch_size"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"updates_every": 0}, "updates_every"),
        ({"updates_per_step": 0}, "updates_per_step"),
        ({"episode_steps": 0}, "episode_steps"),
        ({"entropy_coefficient": 0.0}, "entropy_coefficient"),
        ({"evaluate_every": 0}, "evaluate_every"),
        ({"evaluation_episodes": 0}, "evaluation_episodes"),
        ({"final_episodes": 0}, "final_episodes"),
        ({"demonstration_share": 1.0}, "demonstration_share is 1.0; expected from 0 to below 1"),
        ({"discount": 1.0}, "discount"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"warm_start": -1}, "warm_start"),
        ({"learning_starts": -1}, "learning_starts"),
        ({"cloning_weight": -0.5}, "cloning_weight"),
    ],
)
def test_values_that_cannot_work(settings, message):
    with pytest.raises(RexdError, match=message):
        TrainConfig(**settings)
    with pytest.raises(RexdError, match=message):
        TrainConfig.from_dict(settings)


def test_unknown_settings_are_named():
    with pytest.raises(RexdError, match="unknown training settings: gamma, tau"):
        TrainConfig.from_dict({"tau": 1, "gamma": 2})
    with pytest.raises(RexdError, match="unknown reward settings: bandwidth"):
        TrainConfig.from_dict({"reward": {"bandwidth": 2}})
