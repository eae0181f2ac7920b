"""What is paid where an expert stays at its goal: a reward of which each part adds up, and its file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("safetensors")

import rexd
from rexd.demos.goals import Goals
from rexd.errors import RewardFileError
from rexd.reading.from_memory import to_demonstrations
from rexd.reward.red.red import RED
from rexd.reward.registry import make_reward
from rexd.tensors import read_tensors, write_tensors

TINY = {"target_layers": (64,), "predictor_layers": (32,), "outputs": 32, "updates": 300, "seed": 0}
DISTANCES = np.linspace(0.0, 1.0, 6)


def arriving(terminated=False):
    """Goes straight to the goal at 0 in 20 steps, and stays there for 40 with a little trembling."""
    rng = np.random.default_rng(0)
    place = np.concatenate([np.linspace([-1.0, 0.6], 0.0, 20), np.zeros((41, 2))]) + rng.normal(size=(61, 2)) * 0.01
    act = np.concatenate([np.tile([0.3, -0.2], (20, 1)), np.zeros((40, 2))]) + rng.normal(size=(60, 2)) * 0.02
    episode = {"observations": np.hstack([np.zeros((61, 2)), place]), "actions": act, "terminated": terminated}
    goals = Goals((0, 1), (2, 3), "achieved-desired")
    return replace(to_demonstrations([episode]), goals=goals)


def at(distances):
    """Observations (N, 4) at distances to one side of the goal."""
    return np.float32(np.stack([0 * distances, 0 * distances, -distances, 0 * distances], axis=1))


def paid(model, distances=DISTANCES, action=0.0):
    return model.predict(at(distances), np.full((len(distances), 2), action, np.float32))


@pytest.fixture(scope="module")
def model():
    return RED().fit(arriving())


def test_an_action_hides_no_distance(model):
    assert model.at_goal
    assert model.fitted_.shape == "linear"
    assert (np.diff(paid(model)) < 0.0).all()
    worth = [paid(model, action=action)[0] - paid(model, action=action)[-1] for action in (0.0, 0.2)]
    assert worth[1] > worth[0] > 0.2
    logarithmic = RED(sigma=1.0 / model.calibration_.median).fit(arriving())
    assert logarithmic.fitted_.shape == "logarithmic"  # whoever sets the bandwidth has the shape that it belongs to
    worth = [paid(logarithmic, action=action)[0] - paid(logarithmic, action=action)[-1] for action in (0.0, 0.2)]
    assert worth[1] < 0.3 * worth[0]


def test_large_actions_are_charged_for_wherever_they_are_taken(model):
    rest, small, large = (paid(model, action=action) for action in (0.0, 0.1, 0.3))
    assert (rest - small).max() < 0.05
    assert (rest - large).min() > 0.2


def test_where_nobody_stays_at_a_goal_and_with_other_shapes_nothing_changes():
    ending = RED(**TINY).fit(arriving(terminated=True))
    assert (ending.fitted_.shape, ending.at_goal) == ("logarithmic", False)
    assert RED(**TINY).fit(replace(arriving(), goals=None)).fitted_.shape == "logarithmic"
    assert RED(**TINY, shape="rational").fit(arriving()).fitted_.shape == "rational"


def test_rivals_have_the_same_shape():
    assert make_reward("nearest-neighbour").fit(arriving()).fitted_.shape == "linear"


def test_the_file_keeps_the_shape(tmp_path):
    model = RED(**TINY).fit(arriving())
    path = model.save(tmp_path / "reward.safetensors")
    assert rexd.load_reward(path).fitted_.shape == "linear"
    assert paid(rexd.load_reward(path)).tobytes() == paid(model).tobytes()
    content, tensors = read_tensors(path, "reward", RewardFileError, "fit it anew")
    for wrong in ("cubic", ["linear"], 3):
        write_tensors(path, "reward", {**content, "shape": wrong}, tensors)
        with pytest.raises(RewardFileError, match="expected one of logarithmic, linear, rational, exponential"):
            rexd.load_reward(path)
