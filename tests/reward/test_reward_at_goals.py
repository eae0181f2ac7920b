"""What is paid where an expert stays at its goal: a reward that falls evenly with the distance, and its file."""

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


def test_every_part_of_the_way_to_the_goal_is_worth_the_same(model):
    assert model.fitted_.shape == "root"
    gains = -np.diff(paid(model))
    assert gains.min() > 0.6 * gains.max()
    logarithmic = RED(sigma=1.0 / model.calibration_.median).fit(arriving())
    assert logarithmic.fitted_.shape == "logarithmic"  # whoever sets the bandwidth has the shape that it belongs to
    first, *_, last = -np.diff(paid(logarithmic))
    assert first > 3.0 * last


def test_actions_are_charged_for_wherever_they_are_taken(model):
    rest, small, large = (paid(model, action=action) for action in (0.0, 0.1, 0.2))
    assert (rest - small).min() > 0.1
    assert (small - large).min() > 0.1


def test_where_nobody_stays_at_a_goal_and_with_other_shapes_nothing_changes():
    assert RED(**TINY).fit(arriving(terminated=True)).fitted_.shape == "logarithmic"
    assert RED(**TINY).fit(replace(arriving(), goals=None)).fitted_.shape == "logarithmic"
    assert RED(**TINY, shape="rational").fit(arriving()).fitted_.shape == "rational"


@pytest.mark.parametrize(("name", "shape"), [("autoencoder", "root"), ("nearest-neighbour", "logarithmic")])
def test_a_novelty_that_is_a_distance_keeps_its_shape(name, shape):
    assert make_reward(name).fit(arriving()).fitted_.shape == shape


def test_the_file_keeps_the_shape(tmp_path):
    model = RED(**TINY).fit(arriving())
    path = model.save(tmp_path / "reward.safetensors")
    assert rexd.load_reward(path).fitted_.shape == "root"
    assert paid(rexd.load_reward(path)).tobytes() == paid(model).tobytes()
    content, tensors = read_tensors(path, "reward", RewardFileError, "fit it anew")
    for wrong in ("cubic", ["root"], 3):
        write_tensors(path, "reward", {**content, "shape": wrong}, tensors)
        with pytest.raises(RewardFileError, match="expected one of logarithmic, root, rational, exponential"):
            rexd.load_reward(path)
