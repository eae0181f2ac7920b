"""Behavioural cloning of images, by a small convolutional policy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pixel_task import IMAGE, PixelTask, watched
from safetensors import safe_open

import rexd
from rexd.errors import RunError, SpaceMismatchError
from rexd.evaluation.evaluate import evaluate
from rexd.rl.policies import cloning
from rexd.rl.policies.cloning import clone
from rexd.tensors import read_tensors, write_tensors

BOUNDS = (-np.ones(2, np.float32), np.ones(2, np.float32))


@pytest.fixture(scope="module")
def policy():
    return clone(rexd.to_demonstrations(watched(12)), action_space=BOUNDS, updates=250, hidden=(64,))


def test_the_clone_plays_from_pixels(policy):
    result = evaluate(PixelTask, policy, None, episodes=5, seed=3)
    lazy = evaluate(PixelTask, _Still(), None, episodes=5, seed=3)
    assert result.true.mean > 0.6 * lazy.true.mean  # both are below 0


class _Still:
    def predict(self, observation, *, deterministic=True):
        return np.zeros((len(observation), 2), np.float32), None


def test_the_file_gives_the_same_policy(policy, tmp_path):
    frames = watched(1)[0]["observations"]
    loaded = rexd.load_policy(policy.save(tmp_path / "policy.safetensors"))
    actions, _ = loaded.predict(frames)
    np.testing.assert_array_equal(actions, policy.predict(frames)[0])
    one, _ = loaded.predict(frames[3])
    np.testing.assert_allclose(one, actions[3], atol=1e-5)
    for wrong in (frames / 255, frames[:, :8], frames[None]):
        with pytest.raises(SpaceMismatchError, match=r"trained on images \(uint8\) of shape \(16, 16, 3\)"):
            loaded.predict(wrong)


@pytest.mark.parametrize("image", [[16, 16], [16, 16, 4], [4096, 4096, 3], [0, 16, 3]])
def test_a_damaged_shape_is_refused_before_anything_is_allocated(policy, image, tmp_path):
    file = policy.save(tmp_path / "policy.safetensors")
    content, tensors = read_tensors(file, "policy", RunError, "")
    write_tensors(file, "policy", content | {"image": image}, tensors)
    with pytest.raises(RunError, match="damaged policy file"):
        rexd.load_policy(file)


def test_held_out_images_decide_how_long(monkeypatch):
    monkeypatch.setattr(cloning, "MOST_UPDATES", 100)
    monkeypatch.setattr(cloning, "MOST_CHECKED", 7)
    found = clone(rexd.to_demonstrations(watched(4)), action_space=BOUNDS, hidden=(16,))
    assert found.spec.image == IMAGE


def test_several_choices_of_discrete_actions():
    episodes = [{**e, "actions": (e["actions"][:, 0] > 0).astype(np.int64)} for e in watched(4)]
    found = clone(rexd.to_demonstrations(episodes), action_space=2, updates=20, hidden=(16,))
    assert set(found.predict(episodes[0]["observations"])[0].tolist()) <= {0, 1}


def test_policies_of_columns_say_nothing_of_images(tmp_path):
    rows = {
        "obs": np.random.default_rng(0).normal(size=(20, 3)),
        "acts": np.zeros((20, 2)),
        "dones": np.arange(20) == 19,
    }
    path = clone(rexd.to_demonstrations(rows), action_space=BOUNDS, updates=5).save(tmp_path / "policy.safetensors")
    with safe_open(path, "pt") as file:
        assert "image" not in json.dumps(file.metadata())
