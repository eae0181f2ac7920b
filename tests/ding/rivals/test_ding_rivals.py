"""RED's rivals by ``type`` of a config: fitted once, the same rewards as ``rexd.make_reward``, checkpoints."""

import numpy as np
import pytest
import torch
from circling import choosing, circling
from estimators import RIVALS, SMALL

from rexd.ding import REWARD_MODEL_REGISTRY, RivalRewardModel, create_reward_model
from rexd.errors import NotFittedError, RewardFileError, RexdError

FIXED = tuple(name for name in RIVALS if name != "pwil")


def transitions(demos):
    return [
        {
            "obs": torch.tensor(t.observations[n]),
            "action": torch.tensor(t.actions[n]),
            "done": torch.tensor(n == len(t) - 1),
        }
        for t in demos
        for n in range(len(t))
    ]


ROWS = transitions(circling(6, 40))


def made(name, rows=ROWS, **changes):
    return create_reward_model({"type": name, "expert_data_path": rows, **SMALL[name], **changes}, "cpu")


def test_every_rival_is_registered():
    assert set(RIVALS) <= set(REWARD_MODEL_REGISTRY)


@pytest.mark.parametrize("name", FIXED)
def test_it_pays_the_expert_more_than_others(name):
    model = made(name)
    assert isinstance(model, RivalRewardModel)
    with pytest.raises(NotFittedError):
        model.estimate([dict(ROWS[0])])
    model.train()
    own = model.estimate(ROWS, inplace=False)
    far = [{**row, "obs": row["obs"] + 5.0} for row in ROWS]
    model.estimate(far)
    paid, less = (torch.stack([row["reward"] for row in rows]) for rows in (own, far))
    assert paid.mean() > less.mean() + 0.2
    assert paid.dtype == torch.float32
    assert model.calibrated.config.type == name
    assert not model.calibrated.clock


@pytest.mark.parametrize("name", FIXED)
def test_a_checkpoint_gives_the_same_rewards(name, tmp_path):
    model, other = made(name), made(name, seed=5)
    model.train()
    model.save(tmp_path, "best")
    other.load(tmp_path, "best")
    batch = {"obs": np.stack([r["obs"] for r in ROWS]), "action": np.stack([r["action"] for r in ROWS])}
    assert other.estimate(dict(batch))["reward"].tobytes() == model.estimate(dict(batch))["reward"].tobytes()


def test_a_checkpoint_of_another_type_is_refused(tmp_path):
    model, other = made("nearest-neighbour"), made("kernel-pca")
    model.train()
    model.save(tmp_path)
    with pytest.raises(RewardFileError, match="expected 'kernel-pca'"):
        other.load(tmp_path)


def test_discrete_actions_and_more_expert_rows():
    model = made("nearest-neighbour", transitions(choosing(4, 40)), continual=True)
    model.train()
    before = model.calibrated
    model.collect_data([{**row, "expert": True} for row in transitions(choosing(2, 40, seed=3))])
    model.train()
    assert len(model.calibrated.held_out_novelty_) == len(before.held_out_novelty_) + 80


def test_a_setting_that_is_misspelt_is_named():
    with pytest.warns(UserWarning, match="no setting 'kk', which is ignored. Did you mean 'k'"):
        made("nearest-neighbour", kk=3)
    with pytest.raises(RexdError, match="k is 0; expected a positive number"):
        made("nearest-neighbour", k=0)
    with pytest.raises(RexdError, match="sample_size is 0; expected a positive integer"):
        made("kernel-pca", sample_size=0)


def test_a_reward_that_needs_order_says_what_works():
    with pytest.raises(RexdError, match=r"depends on the rows before .*RewardVecEnv\(.*rexd train --reward\.type pwil"):
        made("pwil")
