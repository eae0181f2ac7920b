"""What an ONNX runtime computes of a graph is what rexd computes, for any number of rows."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from circling import TINY, circling
from pixel_task import watched

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.goals import Goals
from rexd.demos.trajectory import Trajectory
from rexd.errors import MissingExtraError, RexdError
from rexd.reading.anything import demonstrations_of
from rexd.report.onnx_graph import export_policy, export_reward
from rexd.reward.controls import ConstantReward
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows
from rexd.rl.policies.policy import Policy, PolicySpec, ensemble

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")
CLOSE = 1e-5


def session(exported):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(str(exported.path), options, providers=["CPUExecutionProvider"])


def demonstrations(actions, steps=60, columns=3):
    rng = np.random.default_rng(1)
    states = rng.normal(size=(2, steps + 1, columns)).astype(np.float32)
    return Demonstrations(tuple(Trajectory.from_steps(states[k], actions(rng, states[k, :-1])) for k in range(2)))


def continuous(rng, states):
    return np.tanh(states[:, :2]).astype(np.float32)


def discrete(rng, states):
    return (states[:, 0] > 0).astype(np.int64) + (states[:, 1] > 0)


def several(rng, states):
    return np.stack([states[:, 0] > 0, (states[:, 1] > 0).astype(int) + (states[:, 2] > 0)], axis=1).astype(np.int64)


def rows_of(model, count, rng):
    columns = model.encoder_.columns
    given = {"obs": rng.normal(size=(count, columns.obs_dim)).astype(np.float32) * 3}
    if columns.image:
        given["obs"] = np.resize(watched(1)[0]["observations"], (count, *columns.image))
        noise = np.linspace(1, 200, count).astype(int)[:, None, None, None]
        given["obs"] ^= rng.integers(0, noise, size=given["obs"].shape, dtype=np.uint8)
    if columns.inputs == "state-action":
        given["act"] = rng.uniform(-1, 1, size=(count, columns.act_dim)).astype(np.float32)
        if columns.choices:
            given["act"] = rng.integers(0, columns.choices, size=(count, len(columns.choices)))
        elif columns.discrete:
            given["act"] = rng.integers(0, columns.act_dim, size=count)
    if columns.inputs == "state-next-state":
        given["next_obs"] = np.roll(given["obs"], 1, axis=1)
    if columns.clock:
        given["step"] = rng.integers(0, 15 if columns.image else 500, size=count)
    return given


NAMES = {"obs": "observation", "act": "action", "next_obs": "next_observation", "step": "step"}


def assert_same(model, path):
    exported = export_reward(model, path)
    played = session(exported)
    assert [given.name for given in played.get_inputs()] == list(exported.inputs)
    for count in (1, 2, 37):
        rows = rows_of(model, count, np.random.default_rng(count))
        reward, novelty = played.run(["reward", "novelty"], {NAMES[name]: value for name, value in rows.items()})
        assert reward.shape == (count,)
        np.testing.assert_allclose(reward, model.predict(**rows), atol=CLOSE, rtol=0)
        np.testing.assert_allclose(novelty, model.novelty(**rows), atol=CLOSE, rtol=CLOSE)
    assert np.ptp(model.predict(**rows)) > 0.01  # rows that are all paid alike would show nothing
    return exported


slow = pytest.mark.slow  # PyTorch takes seconds for each graph


@pytest.mark.parametrize(
    ("actions", "clock"),
    [
        (continuous, True),
        (discrete, False),
        pytest.param(continuous, False, marks=slow),
        pytest.param(discrete, True, marks=slow),
        pytest.param(several, True, marks=slow),
    ],
)
def test_a_logarithmic_reward(tmp_path, actions, clock):
    model = RED(**TINY, clock=clock).fit(demonstrations(actions))
    assert model.config.shape == "logarithmic"
    exported = assert_same(model, tmp_path / "reward.onnx")
    assert ("step" in exported.inputs) is clock
    assert [path.name for path in tmp_path.iterdir()] == ["reward.onnx"]  # the weights are in it


@slow
@pytest.mark.parametrize(
    "settings",
    [{"shape": "rational", "inputs": "state-next-state"}, {"shape": "exponential", "inputs": "state"}],
    ids=lambda settings: settings["shape"],
)
def test_other_shapes_and_inputs(tmp_path, settings):
    assert_same(RED(**TINY, **settings).fit(circling(trajectories=2, steps=60)), tmp_path / "reward.onnx")


@slow
def test_a_reward_that_climbs_the_way_from_a_beginner(tmp_path):
    demos = demonstrations(continuous)
    rows = Rows.of_transitions(demos.transitions())
    model = RED(**TINY).fit(demos, beginner=replace(rows, obs=rows.obs - 8.0))
    assert model.climbs
    assert_same(model, tmp_path / "reward.onnx")


def test_a_reward_that_looks_at_the_way_to_a_goal(tmp_path):
    demos = demonstrations(continuous, columns=4)
    for relative in (None, "achieved-desired", "desired-achieved"):
        goals = Goals((0, 1), (2, 3), relative)
        model = RED(**TINY).fit(Demonstrations(demos.trajectories, goals=goals))
        assert model.encoder_.columns.goals == goals
        assert_same(model, tmp_path / "reward.onnx")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        pytest.param({"inputs": "state", "clock": False}, marks=slow),  # there are no columns beside the pixels
        pytest.param({"inputs": "state-next-state"}, marks=slow),
    ],
    ids=["state-action", "state", "state-next-state"],
)
def test_a_reward_that_looks_at_images(tmp_path, settings):
    model = RED(**TINY, **settings).fit(demonstrations_of(watched()))
    exported = assert_same(model, tmp_path / "reward.onnx")
    assert exported.inputs["observation"] == "uint8 (batch, 16, 16, 3), raw"
    assert session(exported).get_inputs()[0].type == "tensor(uint8)"


@slow
def test_a_reward_that_looks_at_images_and_discrete_actions(tmp_path):
    episodes = [{**episode, "actions": (episode["actions"] > 0) @ [1, 2]} for episode in watched()]
    model = RED(**TINY).fit(demonstrations_of(episodes))
    assert model.encoder_.columns.discrete
    assert_same(model, tmp_path / "reward.onnx")


def weights(seed, outputs=2):
    random = torch.Generator().manual_seed(seed)
    sizes = ((3, 16), (16, 16), (16, outputs))
    return [(torch.randn(out, into, generator=random), torch.randn(out, generator=random)) for into, out in sizes]


BOUNDED = PolicySpec("squashed-gaussian", "relu", (-2.0, -0.5), (2.0, 1.5))
POLICIES = {
    "continuous": lambda: Policy(BOUNDED, weights(0), (torch.zeros(2, 0), torch.zeros(2))),
    "clipped": lambda: Policy(PolicySpec("gaussian", "tanh", (-1.0, -1.0), (1.0, 1.0)), weights(0), None),
    "discrete": lambda: Policy(PolicySpec("categorical", "relu"), weights(0, 4), None),
    "choices": lambda: Policy(PolicySpec("categorical", "relu", choices=(2, 3)), weights(0, 5), None),
    "ensemble": lambda: ensemble([Policy(BOUNDED, weights(seed), None) for seed in range(3)]),
}


@pytest.mark.parametrize(
    "kind", [kind if kind in ("continuous", "discrete") else pytest.param(kind, marks=slow) for kind in POLICIES]
)
def test_a_policy(tmp_path, kind):
    policy = POLICIES[kind]()
    exported = export_policy(policy, tmp_path / "policy.onnx")
    played = session(exported)
    for count in (1, 2, 41):
        rows = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
        (actions,) = played.run(["action"], {"observation": rows})
        expected = policy.predict(rows)[0]
        assert (actions.shape, actions.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(actions, expected, atol=CLOSE)


@slow
def test_a_policy_that_looks_at_images(tmp_path):
    random = torch.Generator().manual_seed(0)
    from rexd.rl.policies.pixels import shapes_for

    shapes, features = shapes_for((24, 24, 3))
    kernels = [(torch.randn(out, into, 3, 3, generator=random) * 0.2, torch.zeros(out)) for into, out in shapes]
    layers = [(torch.randn(3, features, generator=random), torch.zeros(3))]
    policy = Policy(PolicySpec("categorical", "relu", image=(24, 24, 3)), layers, None, kernels)
    played = session(export_policy(policy, tmp_path / "policy.onnx"))
    images = np.random.default_rng(0).integers(0, 256, size=(5, 24, 24, 3), dtype=np.uint8)
    np.testing.assert_array_equal(played.run(None, {"observation": images})[0], policy.predict(images)[0])


def test_the_file_says_what_it_takes_and_names_no_path(tmp_path):
    import onnx

    exported = export_policy(POLICIES["continuous"](), tmp_path / "policy.onnx")
    content = (tmp_path / "policy.onnx").read_bytes()
    assert b"site-packages" not in content
    assert b"onnx_graph.py" not in content
    made = onnx.load(str(exported.path))
    onnx.checker.check_model(made)
    said = json.loads({entry.key: entry.value for entry in made.metadata_props}["rexd"])
    assert said == {"inputs": exported.inputs, "outputs": exported.outputs}
    assert said["inputs"] == {"observation": "float32 (batch, 3)"}


@pytest.mark.slow
def test_nothing_is_said_meanwhile(tmp_path):
    program = (
        "from rexd.report.onnx_graph import export_policy; from rexd.rl.policies.policy import load_policy; import sys;"
        "export_policy(load_policy(sys.argv[1]), sys.argv[2])"
    )
    saved = POLICIES["discrete"]().save(tmp_path / "policy.safetensors")
    command = [sys.executable, "-c", program, str(saved), str(tmp_path / "policy.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert (done.stdout, done.stderr) == ("", "")


def test_what_cannot_be_a_graph_is_refused(tmp_path):
    with pytest.raises(RexdError, match="ConstantReward cannot be written as an ONNX graph; expected RED"):
        export_reward(ConstantReward(), tmp_path / "reward.onnx")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named_with_the_line_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rexd\[onnx\]'"):
        export_policy(POLICIES["discrete"](), tmp_path / "policy.onnx")
