"""GAIL and SAIL: rewards that are learnt against the agent's rows, and that move with them."""

import pytest
import torch
from agent_rows import AGENT, EXPERT, SMALL, made, paid, transitions
from circling import choosing, circling

from rexd.ding import create_reward_model
from rexd.errors import DemonstrationError, NotFittedError, RewardFileError, RexdError


@pytest.fixture(scope="module")
def trained():
    found = {}
    for kind in ("gail", "sail"):
        model = made(kind)
        model.collect_data(AGENT)
        model.train()
        model.train()
        found[kind] = model
    return found


@pytest.mark.parametrize("kind", ["gail", "sail"])
def test_it_learns_to_pay_the_expert_more_than_the_agent(trained, kind):
    model = trained[kind]
    assert paid(model, EXPERT).mean() > 1.5 * paid(model, AGENT).mean()
    assert (paid(model, AGENT) >= 0.0).all()
    assert model.train_iter == 120
    assert model.estimate([dict(EXPERT[0])])[0]["reward"].shape == ()


def test_it_moves_with_the_agent():
    model = made("gail")
    model.collect_data(AGENT)
    model.train()
    before = paid(model, AGENT)
    model.clear_data()
    model.train()  # nothing was collected
    assert torch.equal(paid(model, AGENT), before)
    model.collect_data(transitions(circling(4, 40, seed=5), shift=-0.5))
    model.train()
    assert not torch.equal(paid(model, AGENT), before)


def test_sail_pays_nothing_off_the_support_however_far_the_discriminator_is_fooled(trained):
    far = transitions(circling(1, 40), shift=-60.0)  # away from the agent, on the other side of the expert
    gail, sail = paid(trained["gail"], far), paid(trained["sail"], far)
    support = torch.from_numpy(
        trained["sail"].calibrated.predict(
            torch.stack([row["obs"] for row in far]).numpy(), torch.stack([row["action"] for row in far]).numpy()
        )
    )
    assert support.max() < 0.05
    assert sail.max() <= 0.1 * max(float(gail.max()), 1.0)


def test_the_support_is_that_of_the_expert_alone(trained):
    assert len(trained["sail"].calibrated.held_out_novelty_) == len(EXPERT)
    with pytest.raises(NotFittedError):
        paid(made("sail"), EXPERT)


@pytest.mark.parametrize("kind", ["gail", "sail"])
def test_the_same_seed_gives_the_same_reward(trained, kind):
    state = torch.get_rng_state()
    again = made(kind)
    again.collect_data(AGENT)
    again.train()
    again.train()
    assert torch.equal(paid(again, AGENT), paid(trained[kind], AGENT))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["gail", "sail"])
def test_a_checkpoint_goes_on_where_it_was(trained, kind, tmp_path):
    model = made(kind)
    model.collect_data(AGENT)
    model.train()
    model.save(tmp_path)
    other = made(kind, seed=4)
    other.load(tmp_path)
    assert torch.equal(paid(other, AGENT), paid(model, AGENT))
    other.collect_data(AGENT)
    other.train()
    assert torch.equal(paid(other, AGENT), paid(trained[kind], AGENT))


def test_a_state_that_does_not_fit_is_refused(trained):
    state = trained["gail"].state_dict()
    other = made("gail")
    with pytest.raises(RewardFileError, match="Build the model with the config"):
        made("sail").load_state_dict(state)
    broken = {**state["discriminator"], "mean": torch.full_like(state["discriminator"]["mean"], torch.nan)}
    with pytest.raises(RewardFileError, match="mean of the state holds NaN"):
        other.load_state_dict({**state, "discriminator": broken})
    with pytest.raises(RewardFileError, match="does not fit a discriminator of 7 columns"):
        other.load_state_dict({**state, "discriminator": {**broken, "mean": torch.zeros(3)}})
    with pytest.raises(RewardFileError, match="damaged"):
        other.load_state_dict({**state, "discriminator": None})
    assert not other.train_once_flag


def test_discrete_actions():
    model = made("gail", transitions(choosing(4, 40)))
    wrong = [{**row, "action": (row["action"] + 1) % 3} for row in transitions(choosing(4, 40))]
    model.collect_data(wrong)
    model.train()
    assert paid(model, transitions(choosing(4, 40))).mean() > paid(model, wrong).mean()


def test_rows_and_settings_that_cannot_work():
    model = made("gail")
    with pytest.raises(DemonstrationError, match=r"NaN|finite"):
        model.collect_data([{**AGENT[0], "obs": AGENT[0]["obs"] * torch.nan}])
    assert model.collected_data == []
    with pytest.raises(RexdError, match="hidden_size is 0; expected a positive number"):
        made("gail", hidden_size=0)
    with pytest.warns(UserWarning, match="no setting 'sigma'"):
        made("gail", sigma=5)


@pytest.mark.parametrize("kind", ["gail", "sail", "cdred", "nearest-neighbour"])
def test_the_callback_drives_it(kind):
    gymnasium = pytest.importorskip("gymnasium")
    from stable_baselines3 import PPO

    from rexd.rl import RewardModelCallback

    env, rows = gymnasium.make("CartPole-v1"), []
    obs, _ = env.reset(seed=0)
    for _ in range(60):
        action = int(obs[2] + obs[3] > 0)
        rows.append({"obs": torch.tensor(obs), "action": torch.tensor(action)})
        obs, _, terminated, _, _ = env.step(action)
        obs = env.reset()[0] if terminated else obs
    small = SMALL if kind != "nearest-neighbour" else {}
    model = create_reward_model({"type": kind, "expert_data_path": rows, **small}, "cpu")
    callback = RewardModelCallback(model)
    policy = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu")
    policy.learn(96, callback=callback)
    assert callback.iterations == 3
    assert model.train_iter == (180 if small else 1)
