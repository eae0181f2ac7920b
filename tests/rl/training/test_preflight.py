"""What is said before a run makes its folder."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("stable_baselines3")

from troublesome import ENDLESS

from rexd.demos import Demonstrations, Trajectory
from rexd.demos.states_alone import without_actions
from rexd.envs.factory import EnvironmentFactory
from rexd.errors import RexdError
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED
from rexd.rl.config import TrainConfig
from rexd.rl.training.preflight import check_before_work


def limit_cycle(period, steps=400):
    random = np.random.default_rng(0)
    places = random.normal(size=(period, 2))
    rows = places[np.arange(steps + 1) % period] + 1e-3 * random.normal(size=(steps + 1, 2))
    return Demonstrations((Trajectory.from_steps(rows, 0.1 * np.tanh(rows[:-1, :1] + rows[:-1, 1:])),))


@pytest.mark.parametrize(("stride", "warned"), [(20, True), (19, False)])
def test_a_stride_that_leaves_out_a_part_of_a_cycle_is_told(stride, warned):
    said: list[str] = []
    demos = limit_cycle(5).subsample(stride)
    checked = check_before_work(demos, EnvironmentFactory(ENDLESS, {}), TrainConfig(), None, said.append)
    assert checked.demonstrations.n_transitions == demos.n_transitions
    told = [text for text in said if "repeats itself every 5 steps" in text]
    assert len(told) == warned
    for text in told:
        assert text.startswith("warning: ")
        assert "--subsample 19" in text


def check_states_alone(given=None, **settings):
    said: list[str] = []
    config = TrainConfig(**{"reward": REDConfig(inputs="state-next-state"), **settings})
    check_before_work(without_actions(limit_cycle(7)), EnvironmentFactory(ENDLESS, {}), config, given, said.append)
    return " ".join(said)


def test_what_is_done_with_states_alone_is_told():
    assert "from step 1,000 on, a model of the agent's own steps labels them" in check_states_alone()
    assert "none is replayed or cloned" in check_states_alone(inverse_model=False)
    assert "none is replayed or cloned" in check_states_alone(algorithm="sb3-ppo")
    assert "from step 1,000 on" in check_states_alone(reward_source="constant", reward=REDConfig())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reward": REDConfig()}, r"the reward's inputs are 'state-action'.*--reward\.inputs state-next-state"),
        ({"reward_source": "adversarial"}, "the discriminator compares those of the demonstrations"),
        ({"reward_source": "constant", "inverse_model": False}, "a constant reward teaches nothing else"),
    ],
)
def test_a_run_that_states_alone_cannot_teach_is_refused(settings, message):
    with pytest.raises(RexdError, match=message):
        check_states_alone(**settings)


def test_a_given_reward_of_actions_is_refused_for_states_alone():
    fitted = RED(target_layers=(8,), predictor_layers=(8,), outputs=4, updates=2).fit(limit_cycle(7))
    with pytest.raises(RexdError, match="the reward's inputs are 'state-action'"):
        check_states_alone(fitted)
