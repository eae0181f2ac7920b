import numpy as np
from gymnasium.spaces import Box

from rexd.rl.config import TrainConfig
from rexd.rl.learners.protocol import sac_settings


def test_the_entropy_s_target_counts_action_columns():
    settings = sac_settings(TrainConfig(target_entropy=-2.0), Box(-1.0, 1.0, (3,), np.float32), cloned=True)
    assert settings["target_entropy"] == -6.0
    assert sac_settings(TrainConfig(), Box(-1.0, 1.0, (3,), np.float32), cloned=True)["target_entropy"] == -3.0
