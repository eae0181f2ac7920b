import json
from pathlib import Path

import numpy as np
import pytest
import torch
from memory import more_memory
from safetensors.torch import load_file, safe_open, save_file

from rexd.errors import RunError, SpaceMismatchError
from rexd.rl.policies.policy import POLICY_FILE, Policy, PolicySpec, ensemble, load_policy
from rexd.tensors import read_tensors, write_tensors

LOW, HIGH = (-2.0, -0.5), (2.0, 1.5)


def make_policy(distribution="squashed-gaussian", activation="relu", scale=1.0, seed=0, std=0.5):
    random = torch.Generator().manual_seed(seed)
    layers = [
        (scale * torch.randn(out, into, generator=random), scale * torch.randn(out, generator=random))
        for into, out in ((3, 8), (8, 8), (8, 2))
    ]
    if distribution == "categorical":
        return Policy(PolicySpec(distribution, activation), layers, None)
    log_std = (torch.zeros(2, 0), torch.full((2,), std).log())
    return Policy(PolicySpec(distribution, activation, LOW, HIGH), layers, log_std)


OBS = np.random.default_rng(0).normal(size=(40, 3))
KINDS = ["squashed-gaussian", "gaussian", "categorical"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def by_hand(policy, obs):
    function = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}[policy.spec.activation]
    for weight, bias in policy.layers[:-1]:
        obs = function(obs @ weight.numpy().T + bias.numpy())
    weight, bias = policy.layers[-1]
    return obs @ weight.numpy().T + bias.numpy()


class TestPredict:
    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    def test_modes(self, activation):
        outputs = by_hand(make_policy(activation=activation), OBS)
        low, high = np.array(LOW), np.array(HIGH)
        expected = {
            "squashed-gaussian": low + (np.tanh(outputs) + 1) / 2 * (high - low),
            "gaussian": np.clip(outputs, low, high),
            "categorical": outputs.argmax(axis=1),
        }
        for kind, actions in expected.items():
            np.testing.assert_allclose(make_policy(kind, activation).predict(OBS)[0], actions, atol=1e-4)

    @every_kind
    def test_one_observation_or_many(self, kind):
        policy = make_policy(kind)
        many, state = policy.predict(OBS, state="kept")
        assert state == "kept"
        assert many.shape == ((40,) if kind == "categorical" else (40, 2))
        assert many.dtype == (np.int64 if kind == "categorical" else np.float32)
        for row, expected in zip(OBS, many, strict=True):
            single, _ = policy.predict(row)
            assert np.shape(single) == expected.shape
            np.testing.assert_allclose(single, expected, atol=1e-5)

    @pytest.mark.parametrize("shape", [(2,), (4,), (5, 2), (5, 4), (1, 5, 3), ()])
    def test_refuses_another_width(self, shape):
        with pytest.raises(SpaceMismatchError, match="trained on 3 columns"):
            make_policy().predict(np.zeros(shape))

    @every_kind
    def test_does_not_touch_the_observation(self, kind):
        obs = OBS.copy()
        obs.flags.writeable = False
        make_policy(kind).predict(obs, deterministic=False)
        np.testing.assert_array_equal(obs, OBS)

    @pytest.mark.parametrize("deterministic", [True, False])
    @pytest.mark.parametrize("kind", ["squashed-gaussian", "gaussian"])
    def test_actions_stay_within_the_bounds(self, kind, deterministic):
        actions, _ = make_policy(kind, scale=30.0, std=5.0).predict(OBS, deterministic=deterministic)
        assert ((actions >= np.array(LOW)) & (actions <= np.array(HIGH))).all()
        assert np.isclose(actions, LOW, atol=1e-5).any()
        assert np.isclose(actions, HIGH, atol=1e-5).any()


class TestSampling:
    @every_kind
    def test_deterministic_repeats_and_sampling_does_not(self, kind):
        policy, rows = make_policy(kind, scale=0.3), np.repeat(OBS[:1], 50, axis=0)
        modes, _ = policy.predict(rows, deterministic=True)
        assert len(np.unique(modes, axis=0)) == 1
        samples, _ = policy.predict(rows, deterministic=False)
        assert len(np.unique(samples, axis=0)) > 1

    @every_kind
    def test_seed_repeats_the_noise(self, kind):
        policy = make_policy(kind, scale=0.3)
        policy.seed(4)
        first, _ = policy.predict(OBS, deterministic=False)
        second, _ = policy.predict(OBS, deterministic=False)
        policy.seed(4)
        np.testing.assert_array_equal(policy.predict(OBS, deterministic=False)[0], first)
        assert not np.array_equal(first, second)

    def test_classes_are_drawn_by_their_probabilities(self):
        policy = make_policy("categorical", scale=0.3)
        policy.seed(0)
        logits = by_hand(policy, OBS[:1])[0]
        drawn, _ = policy.predict(np.repeat(OBS[:1], 20_000, axis=0), deterministic=False)
        np.testing.assert_allclose(np.mean(drawn), 1 / (1 + np.exp(logits[0] - logits[1])), atol=0.02)

    def test_the_noise_has_the_given_size(self):
        policy = make_policy("gaussian", scale=0.05, std=0.1)
        drawn, _ = policy.predict(np.repeat(OBS[:1], 20_000, axis=0), deterministic=False)
        np.testing.assert_allclose(drawn.std(axis=0), 0.1, rtol=0.05)

    def test_the_noise_may_depend_on_the_state(self):
        policy = make_policy("gaussian", scale=0.05)
        policy.log_std = (torch.zeros(2, 8), torch.tensor([0.1, 0.3]).log())
        drawn, _ = policy.predict(np.repeat(OBS[:1], 20_000, axis=0), deterministic=False)
        np.testing.assert_allclose(drawn.std(axis=0), [0.1, 0.3], rtol=0.05)


class TestFile:
    @every_kind
    def test_round_trip(self, kind, tmp_path):
        policy = make_policy(kind, "tanh")
        path = policy.save(tmp_path / POLICY_FILE)
        for source in (path, tmp_path, str(path)):
            loaded = load_policy(source)
            assert loaded.spec == policy.spec
            for deterministic in (True, False):
                policy.seed(1)
                loaded.seed(1)
                np.testing.assert_array_equal(
                    loaded.predict(OBS, deterministic=deterministic)[0],
                    policy.predict(OBS, deterministic=deterministic)[0],
                )

    def test_missing(self, tmp_path):
        with pytest.raises(RunError, match=r"policy\.safetensors: no such file"):
            load_policy(tmp_path)

    @pytest.mark.parametrize("kept", [0, 5, 0.5, 0.99])
    def test_cut_short(self, tmp_path, kept):
        path = make_policy().save(tmp_path / POLICY_FILE)
        content = path.read_bytes()
        path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
        with pytest.raises(RunError, match=r"policy\.safetensors: not a readable safetensors file"):
            load_policy(path)

    def test_a_zip_is_refused_with_the_way_to_play_it(self, tmp_path):
        path = tmp_path / "policy.zip"
        path.write_bytes(b"PK\x03\x04" + bytes(100))
        with pytest.raises(RunError, match="--trust"):
            load_policy(path)

    def test_of_another_kind(self, tmp_path):
        save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors", metadata={"format": "rexd-reward"})
        with pytest.raises(RunError, match="not a rexd policy"):
            load_policy(tmp_path / "other.safetensors")

    @pytest.mark.parametrize("name", ["layers.0.weight", "layers.1.bias", "layers.2.weight", "log_std.bias"])
    def test_a_tensor_is_missing(self, tmp_path, name):
        tensors, metadata = self.content(tmp_path)
        del tensors[name]
        save_file(tensors, tmp_path / POLICY_FILE, metadata=metadata)
        with pytest.raises(RunError, match=f"damaged policy file.*{name}"):
            load_policy(tmp_path)

    @pytest.mark.parametrize(
        ("name", "tensor"),
        [
            ("layers.1.weight", torch.zeros(8, 9)),
            ("layers.1.bias", torch.zeros(7)),
            ("layers.0.weight", torch.zeros(8)),
            ("layers.2.weight", torch.zeros(3, 8)),
        ],
    )
    def test_a_tensor_has_another_shape(self, tmp_path, name, tensor):
        tensors, metadata = self.content(tmp_path)
        save_file({**tensors, name: tensor}, tmp_path / POLICY_FILE, metadata=metadata)
        with pytest.raises(RunError, match="damaged policy file"):
            load_policy(tmp_path)

    @pytest.mark.parametrize(
        "change", [{"layers": 0}, {"layers": 4}, {"low": None}, {"low": ["a", "b"]}, {"high": [1.0, 2.0, 3.0]}]
    )
    def test_the_specification_is_wrong(self, tmp_path, change):
        tensors, metadata = self.content(tmp_path)
        metadata["rexd-policy"] = json.dumps({**json.loads(metadata["rexd-policy"]), **change})
        save_file(tensors, tmp_path / POLICY_FILE, metadata=metadata)
        with pytest.raises(RunError, match="damaged policy file"):
            load_policy(tmp_path)

    def test_the_specification_is_no_json(self, tmp_path):
        tensors, metadata = self.content(tmp_path)
        save_file(tensors, tmp_path / POLICY_FILE, metadata={**metadata, "rexd-policy": "{"})
        with pytest.raises(RunError, match="damaged policy description"):
            load_policy(tmp_path)

    def content(self, folder):
        path = make_policy().save(folder / POLICY_FILE)
        with safe_open(path, framework="pt") as file:
            description = json.loads(file.metadata()["rexd-policy"])
        del description["sha256"]  # these tests change files in ways that the hash would tell first
        return load_file(path), {"rexd-policy": json.dumps(description)}


@pytest.mark.parametrize(
    "change",
    [{"distribution": "beta"}, {"activation": "gelu"}, {"low": [0.0]}, {"version": 99}],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    layers = [(torch.zeros(4, 3), torch.zeros(4)), (torch.zeros(2, 4), torch.zeros(2))]
    policy = Policy(PolicySpec("squashed-gaussian", "relu", (-1.0, -1.0), (1.0, 1.0)), layers, None)
    path = policy.save(tmp_path / POLICY_FILE)
    content, tensors = read_tensors(path, "policy", RunError, "")
    write_tensors(path, "policy", {**content, **change}, tensors)
    with pytest.raises(RunError):
        load_policy(path)


def test_a_spread_of_the_wrong_shape_is_refused(tmp_path: Path) -> None:
    layers = [(torch.zeros(4, 3), torch.zeros(4)), (torch.zeros(2, 4), torch.zeros(2))]
    log_std = (torch.zeros(5, 4), torch.zeros(5))
    policy = Policy(PolicySpec("squashed-gaussian", "relu", (-1.0, -1.0), (1.0, 1.0)), layers, log_std)
    with pytest.raises(RunError, match="damaged policy file"):
        load_policy(policy.save(tmp_path / POLICY_FILE))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (((300_000_000, 0), (1,)), ((2, 4), (2,))),  # a weight without numbers takes no room in the file
        (((4, 3), (1,)), ((2, 4), (2,))),
        (((4, 3), (4,)), ((2, 4), ())),
        (((4, 0), (4,)), ((2, 4), (2,))),
        (((0, 4, 3), (0, 4)), ((0, 2, 4), (0, 2))),
        (((5, 4, 3), (5, 4)), ((2, 4), (2,))),
    ],
)
def test_layers_that_do_not_follow_each_other_take_no_memory(tmp_path, first, second):
    spec = {"distribution": "gaussian", "activation": "relu", "low": [-1.0, -1.0], "high": [1.0, 1.0]}
    tensors = {
        f"layers.{number}.{name}": torch.zeros(shape)
        for number, pair in enumerate((first, second))
        for name, shape in zip(("weight", "bias"), pair, strict=True)
    }
    path = write_tensors(tmp_path / POLICY_FILE, "policy", {"version": 1, "layers": 2, **spec}, tensors)

    def load():
        with pytest.raises(RunError, match="damaged policy file"):
            load_policy(path)

    assert more_memory(load) < 100 * 2**20


class TestEnsemble:
    members = (0, 1, 2)

    def make(self, kind):
        return [make_policy(kind, seed=seed, scale=0.5) for seed in self.members]

    @pytest.mark.parametrize("kind", ["squashed-gaussian", "gaussian"])
    def test_does_the_mean_of_what_its_members_do(self, kind):
        policies = self.make(kind)
        expected = np.mean([policy.predict(OBS)[0] for policy in policies], axis=0)
        np.testing.assert_allclose(ensemble(policies).predict(OBS)[0], expected, atol=1e-5)
        np.testing.assert_allclose(ensemble(policies).predict(OBS[0])[0], expected[0], atol=1e-5)

    def test_means_the_probabilities_of_discrete_actions(self):
        policies = self.make("categorical")
        logits = torch.tensor(np.stack([by_hand(policy, OBS) for policy in policies]))
        expected = logits.softmax(dim=-1).mean(dim=0).argmax(dim=1)
        np.testing.assert_array_equal(ensemble(policies).predict(OBS)[0], expected)

    def test_its_noise_is_its_members_and_the_same_for_all(self):
        policy = make_policy("gaussian", scale=0.1, std=0.2)
        alone, together = policy, ensemble([policy, policy])
        for each in (alone, together):
            each.seed(3)
        expected, found = (each.predict(OBS, deterministic=False)[0] for each in (alone, together))
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert np.abs(found - policy.predict(OBS)[0]).max() > 0.1

    def test_one_is_itself(self):
        policy = make_policy()
        assert ensemble([policy]) is policy

    @every_kind
    def test_is_a_file_like_any_other(self, kind, tmp_path):
        together = ensemble(self.make(kind))
        loaded = load_policy(together.save(tmp_path / POLICY_FILE))
        np.testing.assert_array_equal(loaded.predict(OBS)[0], together.predict(OBS)[0])
        assert loaded.obs_dim == 3

    def test_without_the_last_column(self):
        together = ensemble(self.make("squashed-gaussian"))
        with_zero = np.concatenate([OBS[:, :2], np.zeros((len(OBS), 1))], axis=1)
        found, _ = together.without_last_column().predict(OBS[:, :2])
        np.testing.assert_allclose(found, together.predict(with_zero)[0], atol=1e-5)

    def test_members_of_unequal_number_are_a_damaged_file(self, tmp_path):
        together = ensemble(self.make("gaussian"))
        weight, bias = together.layers[1]
        together.layers[1] = weight[:2].contiguous(), bias[:2].contiguous()
        together.save(tmp_path / POLICY_FILE)
        with pytest.raises(RunError, match="damaged policy file"):
            load_policy(tmp_path)


class TestSeveralChoices:
    def policy(self, choices=(3, 2), seed=0):
        random = torch.Generator().manual_seed(seed)
        layers = [(torch.randn(5, 3, generator=random), torch.randn(5, generator=random))]
        return Policy(PolicySpec("categorical", "relu", choices=choices), layers, None)

    def test_each_is_the_likeliest_option(self):
        policy = self.policy()
        logits = by_hand(policy, OBS)
        actions, _ = policy.predict(OBS)
        np.testing.assert_array_equal(actions, np.stack([logits[:, :3].argmax(1), logits[:, 3:].argmax(1)], axis=1))
        assert policy.predict(OBS[0])[0].tolist() == actions[0].tolist()

    def test_samples_follow_the_probabilities_of_each(self):
        policy = self.policy()
        drawn, _ = policy.predict(np.repeat(OBS[:1], 20_000, axis=0), deterministic=False)
        logits = torch.from_numpy(by_hand(policy, OBS[:1])[0])
        for column, part in zip(drawn.T, (logits[:3], logits[3:]), strict=True):
            found = np.bincount(column, minlength=len(part)) / len(column)
            np.testing.assert_allclose(found, part.softmax(0), atol=0.02)

    def test_a_file_and_an_ensemble_keep_them(self, tmp_path):
        loaded = load_policy(self.policy().save(tmp_path / POLICY_FILE))
        np.testing.assert_array_equal(loaded.predict(OBS)[0], self.policy().predict(OBS)[0])
        assert ensemble([self.policy(), self.policy(seed=1)]).predict(OBS)[0].shape == (40, 2)

    @pytest.mark.parametrize("choices", [(3, 3), (5, 0), (6, -1)])
    def test_options_that_do_not_fit_the_weights(self, choices):
        with pytest.raises(ValueError, match="5 outputs"):
            self.policy(choices)
