"""What is said before a run makes its folder."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("stable_baselines3")

from troublesome import ENDLESS

from rexd.demos import Demonstrations, Trajectory
from rexd.envs.factory import EnvironmentFactory
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
