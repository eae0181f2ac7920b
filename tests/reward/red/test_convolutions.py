"""RED on images: convolutional targets and predictors, whose rows are packed into bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("gymnasium")

from pixel_task import IMAGE, PixelTask, watched

import rexd
from rexd.errors import DemonstrationError, RewardFileError, RexdError, SpaceMismatchError
from rexd.reward.columns import InputColumns
from rexd.reward.image_encoder import ImageEncoder, unpack
from rexd.reward.red.convolutions import EnsembleCNN, feature_count, kernel_shapes
from rexd.reward.rows import Rows

SMALL = {"target_layers": (32, 32), "predictor_layers": (32,), "outputs": 8, "updates": 120, "batch_size": 16}


@pytest.fixture(scope="module")
def demos():
    return rexd.to_demonstrations(watched())


@pytest.fixture(scope="module")
def model(demos):
    return rexd.RED(folds=2, **SMALL).fit(demos.first(5))


def test_expert_images_are_told_from_others(model, demos):
    unseen = demos.trajectories[5]
    images, actions, steps = unseen.observations, unseen.actions, unseen.steps
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    two = np.maximum(images, np.roll(images, 5, axis=1))  # two blocks at once
    blank = np.full_like(images, 20)
    expert, *others = (model.predict(obs, actions, step=steps).mean() for obs in (images, noise, two, blank))
    assert expert > 0.5
    assert others[0] < 0.1 * expert
    assert max(others) < 0.7 * expert
    wrong = model.predict(images, -np.ones_like(actions), step=steps).mean()
    assert wrong < 0.5 * expert
    assert model.calibration_.unused_median is not None


def test_the_file_gives_the_same_reward(model, demos, tmp_path):
    rows = demos.transitions()
    loaded = rexd.load_reward(model.save(tmp_path / "reward.safetensors"))
    assert loaded.predict(rows.obs, rows.act).tobytes() == model.predict(rows.obs, rows.act).tobytes()
    assert loaded.encoder_.columns.image == IMAGE


@pytest.mark.parametrize("inputs", ["state", "state-next-state"])
@pytest.mark.parametrize("clock", [True, False])
def test_other_inputs(inputs, clock, demos):
    model = rexd.RED(inputs=inputs, clock=clock, folds=2, **SMALL | {"updates": 40}).fit(demos)
    rows = demos.transitions()
    paid = model.predict(rows.obs, rows.act, rows.next_obs)
    assert paid.shape == (len(rows),)
    content, tensors = model.describe()
    again = rexd.RED.rebuild("a file", content, tensors)
    np.testing.assert_array_equal(again.predict(rows.obs, rows.act, rows.next_obs), paid)


def test_rows_are_packed_without_loss(demos):
    columns = InputColumns.of(demos, "state-action", clock=True)
    rows = Rows.of_transitions(demos.transitions())
    encoder = ImageEncoder.of_rows(columns, rows)
    packed = encoder.standardise(encoder.raw(rows))
    assert packed.dtype == torch.uint8
    pixels, beside = unpack(packed, encoder.pixels)
    np.testing.assert_array_equal(pixels.reshape(-1, 3, 16, 16).permute(0, 2, 3, 1).numpy(), rows.obs)
    np.testing.assert_allclose(beside.mean(dim=0).numpy(), 0.0, atol=1e-5)
    assert beside.shape[1] == 3  # two actions and the time


def test_networks_evaluated_together_are_those_evaluated_alone():
    random = torch.Generator().manual_seed(0)
    both = EnsembleCNN((3, 12, 10), 2, (8, 4), 2, random, bias_std=0.5)
    pixels = torch.randint(0, 256, (2, 5, 360), generator=random, dtype=torch.uint8)
    columns = torch.randn(2, 5, 2, generator=random)
    packed = torch.cat([pixels, columns.view(torch.uint8)], dim=2)
    both.standardise(packed[0])
    np.testing.assert_allclose(both.mean.flatten(), pixels[0].float().mean(dim=0), rtol=1e-5)
    assert float(both.std) == pytest.approx(float((pixels[0].float() - both.mean.flatten()).square().mean().sqrt()))
    out = both(packed)
    for k in range(2):
        x = (pixels[k].reshape(5, 3, 12, 10).float() - both.mean) / both.std
        for kernel, bias in zip(both.kernels, both.biases, strict=True):
            x = torch.relu(torch.nn.functional.conv2d(x, kernel[k], bias[k], stride=2, padding=1))
        features, beside = x.flatten(1), columns[k]
        half = (features.shape[1] + 2) / 2
        x = torch.cat([features * (half / features.shape[1]) ** 0.5, beside * (half / 2) ** 0.5], dim=1)
        x = torch.relu(x @ both.dense.weights[0][k] + both.dense.biases[0][k])
        torch.testing.assert_close(out[k], x @ both.dense.weights[1][k] + both.dense.biases[1][k])


@pytest.mark.parametrize("pixels", [(1, 1, 1), (3, 16, 16), (4, 84, 84), (3, 7, 200)])
def test_features_are_counted(pixels):
    x = torch.zeros(1, *pixels)
    for inputs, outputs in kernel_shapes(pixels):
        x = torch.nn.functional.conv2d(x, torch.zeros(outputs, inputs, 3, 3), stride=2, padding=1)
    assert x.numel() == feature_count(pixels)


def test_other_observations_are_refused(model, demos):
    rows = demos.transitions()
    for obs in (rows.obs.astype(np.float32), rows.obs[:, :8], rows.obs.reshape(len(rows), -1)):
        with pytest.raises(SpaceMismatchError, match=r"fitted to images \(uint8\) of shape \(batch, 16, 16, 3\)"):
            model.predict(obs, rows.act)


def test_what_cannot_be_learnt_is_named(demos):
    still = [{**episode, "observations": episode["observations"] * 0} for episode in watched(2)]
    with pytest.raises(DemonstrationError, match="all images are the same"):
        rexd.RED(**SMALL).fit(rexd.to_demonstrations(still))
    with pytest.raises(RexdError, match="recipe='paper' takes columns"):
        rexd.RED(recipe="paper", shape="exponential", sigma=1.0, **SMALL).fit(demos)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([16, 16], "images of shape"),
        ([0, 16, 3], "images of shape"),
        ([10**6, 10**6, 3], "images of shape"),
        ([4000, 4000, 1], "'target.dense.weights.0' has shape"),
        ([16, 16, 4], "'target.kernels.0' has shape"),
    ],
)
def test_shapes_are_checked_before_anything_is_allocated(model, image, message):
    content, tensors = model.describe()
    with pytest.raises(RewardFileError, match=message):
        rexd.RED.rebuild("a file", content | {"image": image}, tensors)
    with pytest.raises(RewardFileError, match=r"predictor\.std is not positive"):
        rexd.RED.rebuild("a file", content, tensors | {"predictor.std": torch.tensor(0.0)})


def test_a_wrapper_pays_for_images(model):
    from rexd.rl import RewardWrapper

    env = RewardWrapper(PixelTask(), model)
    frame, _ = env.reset(seed=9)
    after, reward, *_ = env.step(np.array([0.5, 0.5]))
    assert after.dtype == np.uint8
    assert reward == pytest.approx(
        float(model.predict(frame[None], np.array([[0.5, 0.5]], np.float32), step=np.zeros(1))[0])
    )
