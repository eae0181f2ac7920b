"""CDRED: RED of the expert's rows less RED of the agent's, with the same targets."""

from functools import cache

import pytest
import torch
from agent_rows import AGENT, EXPERT, paid, transitions
from agent_rows import made as made_small
from circling import choosing, circling
from logged import Recording

from rexd.errors import DemonstrationError, NotFittedError, RewardFileError, RexdError

UPDATES = 300


def made(kind, rows=EXPERT, **changes):
    return made_small(kind, rows, **{"update_per_collect": UPDATES, **changes})


@cache
def expert_s_part():
    """RED of the expert's rows, which is fitted once for all tests."""
    model = made("cdred")
    model.train()
    return model.state_dict()


def trained(*rollouts):
    model = made("cdred")
    model.load_state_dict(expert_s_part())
    return learn(model, *rollouts)


def learn(model, *rollouts):
    for rows in rollouts:
        model.collect_data(rows)
        model.train()
        model.clear_data()
    return model


@pytest.fixture(scope="module")
def model():
    return trained(AGENT)


def test_it_pays_the_expert_s_rows_more_than_the_agent_s(model):
    expert, agent = paid(model, EXPERT), paid(model, AGENT)
    assert expert.mean() > 0.6
    assert agent.mean() < 0.4
    assert agent.min() >= 0.0
    assert expert.max() <= 1.0
    assert model.train_iter == UPDATES


def test_it_is_half_of_one_plus_the_difference_of_two_rewards(model):
    """Which are RED's of the expert's rows, and RED's with the agent's predictors of the same targets."""
    rows = transitions(circling(1, 40, seed=8), shift=0.2)
    alone = made("rexd")
    alone.train()
    assert torch.equal(alone.calibrated.target_.weights[0], model.agent.target.weights[0])
    raw = torch.stack([torch.cat([row["obs"], row["action"]]) for row in rows]).float()
    x = alone.calibrated.encoder_.standardise(raw).expand(model.agent.models, -1, -1)
    error = (model.agent.target(x) - model.agent.predictor(x)).square().mean(dim=(0, 2))
    agent = torch.from_numpy(alone.calibrated.reward_of_novelty(error.numpy()))
    assert torch.allclose(paid(model, rows), (1.0 + paid(alone, rows) - agent) / 2.0, atol=1e-5)
    assert agent.std() > 0.01


@pytest.mark.parametrize("ends", [True, False])
def test_where_the_agent_s_rows_are_the_expert_s_the_difference_vanishes(ends):
    own = [{**row, "done": torch.tensor(n % 40 == 39)} for n, row in enumerate(EXPERT)] if ends else EXPERT
    model = learn(made("cdred", own), own)
    far = transitions(circling(2, 40, seed=5), shift=2.0)
    for rows in (EXPERT, AGENT, far):
        assert torch.equal(paid(model, rows), torch.full((len(rows),), 0.5))


def test_rows_of_the_same_kind_as_the_expert_s_leave_little_of_it():
    expert, agent, unseen = (transitions(circling(16, 40, seed=seed)) for seed in (7, 8, 9))
    same, other = (learn(made("cdred", expert), rows) for rows in (agent, AGENT))
    for rows in (expert, agent, unseen):
        assert (paid(same, rows).mean() - 0.5).abs() < 0.02
    assert paid(other, unseen).mean() > paid(other, AGENT).mean() + 0.1


def test_it_moves_with_the_agent_and_the_expert_s_part_does_not(model):
    other = transitions(circling(4, 40, seed=5), shift=-0.5)
    moved = trained(AGENT, other)
    assert paid(moved, AGENT).mean() > paid(model, AGENT).mean() + 0.1  # the agent is not there any more
    assert paid(moved, other).mean() < paid(model, other).mean() - 0.1
    expert, same = (each.calibrated.predictor_.state_dict() for each in (model, moved))
    assert all(torch.equal(expert[name], same[name]) for name in expert)
    before = paid(moved, AGENT)
    moved.train()  # nothing was collected
    assert torch.equal(paid(moved, AGENT), before)
    again = trained(other)  # the agent's predictors are fitted anew, so that what was before leaves no trace
    assert torch.equal(paid(again, AGENT), before)


def test_before_the_agent_s_rows_nothing_is_subtracted():
    model = made("cdred")
    with pytest.raises(NotFittedError):
        paid(model, EXPERT)
    model = trained()
    alone = made("rexd")
    alone.train()
    assert torch.equal(paid(model, AGENT), (1.0 + paid(alone, AGENT)) / 2.0)
    assert not model.train_once_flag


def test_the_log_says_how_far_the_agent_s_rows_are_from_its_predictors():
    model = trained()
    model.tb_logger = logger = Recording()
    learn(model, AGENT, transitions(circling(4, 40, seed=5), shift=-0.5))
    (name, value, first), (again, _, second) = logger.calls
    assert name == again == "reward_model/agent_novelty"
    assert 0.0 < value < model.calibrated.calibration_.anchor
    assert (first, second) == (0, UPDATES)


def test_the_same_seed_gives_the_same_reward(model):
    state = torch.get_rng_state()
    assert torch.equal(paid(learn(made("cdred"), AGENT), AGENT), paid(model, AGENT))
    assert not torch.equal(paid(learn(made("cdred", seed=1), AGENT), AGENT), paid(model, AGENT))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_checkpoint_goes_on_where_it_was(model, tmp_path):
    model.save(tmp_path)
    other = made("cdred", seed=4)
    other.load(tmp_path)
    assert torch.equal(paid(other, AGENT), paid(model, AGENT))
    assert other.train_iter == model.train_iter
    rows = transitions(circling(4, 40, seed=5), shift=-0.5)
    assert torch.equal(paid(learn(other, rows), EXPERT), paid(trained(AGENT, rows), EXPERT))


def test_a_state_before_training_is_loaded_too(model):
    other = trained(AGENT)
    other.load_state_dict(made("cdred").state_dict())
    assert other.agent is None
    with pytest.raises(NotFittedError):
        paid(other, EXPERT)


def test_a_state_that_does_not_fit_is_refused(model):
    state, other = model.state_dict(), made("cdred")
    with pytest.raises(RewardFileError, match="Build the model with the config"):
        other.load_state_dict(made("rexd").state_dict())
    weight = state["agent"]["weights.0"]
    for wrong, message in (
        (weight * torch.nan, "holds NaN"),
        (weight[:, :3], "has shape"),
        (None, "damaged"),
    ):
        with pytest.raises(RewardFileError, match=message):
            other.load_state_dict({**state, "agent": {**state["agent"], "weights.0": wrong}})
    with pytest.raises(RewardFileError, match="is missing"):
        other.load_state_dict({**state, "agent": {}})
    with pytest.raises(RewardFileError, match="damaged"):
        other.load_state_dict({**state, "calibrated": None})
    assert other.agent is None
    assert not other.calibrated.fitted


def test_discrete_actions():
    rows = transitions(choosing(4, 40))
    wrong = [{**row, "action": (row["action"] + 1) % 3} for row in rows]
    model = learn(made("cdred", rows), wrong)
    assert paid(model, rows).mean() > paid(model, wrong).mean() + 0.1


def test_rows_and_settings_that_cannot_work(model):
    with pytest.raises(DemonstrationError, match=r"NaN|finite"):
        model.collect_data([{**AGENT[0], "obs": AGENT[0]["obs"] * torch.nan}])
    with pytest.raises(DemonstrationError, match="'obs' is NaN or infinite in 1 of 1"):
        model.estimate([{**AGENT[0], "obs": AGENT[0]["obs"] * torch.nan}])
    with pytest.raises(DemonstrationError, match="7 rows of the agent were collected; expected 8 or more"):
        trained(AGENT[:7])
    assert trained(AGENT[:8]).train_once_flag
    with pytest.raises(RexdError, match="n_targets of the calibrated model is 1"):
        made("cdred", n_targets=1)
    with pytest.warns(UserWarning, match="no setting 'continual'"):
        made("cdred", continual=True)
