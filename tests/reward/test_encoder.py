import numpy as np
import pytest
import torch
from circling import CONSTANT, TINY, choosing, circling, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import DemonstrationError, RewardFileError, SpaceMismatchError
from rexd.reward.choices import INPUTS
from rexd.reward.columns import InputColumns
from rexd.reward.encoder import FAR, Encoder
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows


def fit(array, inputs="state", **columns):
    array = np.asarray(array, np.float32)
    known = InputColumns(inputs, **{"obs_dim": array.shape[1], "act_dim": 0, **columns})
    return Encoder.fit(known, torch.from_numpy(array))


def test_rows_of_the_demonstrations_have_zero_mean_and_unit_spread():
    raw = np.random.default_rng(0).normal([5.0, -300.0, 0.01], [2.0, 50.0, 1e-4], (500, 3)).astype(np.float32)
    out = fit(raw).standardise(torch.from_numpy(raw)).numpy()
    np.testing.assert_allclose(out.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(out.std(axis=0), 1.0, rtol=1e-3)


def test_columns_that_never_vary_are_dropped_and_named(tiny):
    assert tiny.encoder_.dropped_columns == [f"observation[{CONSTANT}]"]
    assert tiny.encoder_.kept.tolist() == [0, 1, 2, 3, 5, 6, 7]  # the last is the clock
    assert tiny.mean_.shape == tiny.std_.shape == (7,)
    obs, act, _ = rows(circling())
    changed = obs.copy()
    changed[:, CONSTANT] += 100.0
    assert tiny.novelty(changed, act).tobytes() == tiny.novelty(obs, act).tobytes()


def test_names_of_the_columns_follow_the_inputs():
    raw = np.zeros((4, 4), np.float32)
    assert fit(raw, "state-action", obs_dim=3, act_dim=1).columns.names[-1] == "action[0]"
    assert fit(raw, "state-next-state", obs_dim=2).columns.names[-1] == "next_observation[1]"
    assert fit(raw).dropped_columns == [f"observation[{i}]" for i in range(4)]


def test_columns_have_the_names_that_were_recorded():
    expert = circling()
    names = tuple(f"part/{letter}[0]" for letter in "abcdefghij"[: expert.obs_dim])
    demos = Demonstrations(expert.trajectories, column_names=names)
    assert InputColumns.of(demos, "state-next-state", clock=True).names == [
        *names,
        *(f"next_{name}" for name in names),
        "clock",
    ]
    model = RED(**TINY).fit(demos)
    assert model.encoder_.dropped_columns == [names[CONSTANT]]
    content, tensors = model.describe()
    assert RED.rebuild("a file", content, tensors).encoder_.dropped_columns == [names[CONSTANT]]
    content["observation_names"] = ["one"]
    with pytest.raises(RewardFileError, match="observation_names are not one for each column"):
        RED.rebuild("a file", content, tensors)
    unnamed, _ = RED(**TINY).fit(expert).describe()
    assert "observation_names" not in unnamed


@pytest.mark.parametrize("size", [1.0, 1e5])
def test_noise_below_the_column_s_size_counts_as_constant(size):
    rng = np.random.default_rng(0)
    raw = np.stack([size + size * 1e-8 * rng.normal(size=50), rng.normal(size=50)], axis=1)
    assert fit(raw).kept.tolist() == [1]


@settings(deadline=None, max_examples=50)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-10.0, 10.0))
def test_scale_and_shift_of_a_column_change_next_to_nothing(scale, shift):
    raw = np.random.default_rng(0).normal(size=(100, 2))
    moved = raw * [scale, 1.0] + [scale * shift, 0.0]
    plain, other = (fit(array).standardise(torch.tensor(array, dtype=torch.float32)) for array in (raw, moved))
    np.testing.assert_allclose(plain.numpy(), other.numpy(), atol=2e-3)


def test_the_reward_does_not_depend_on_units():
    demos = circling()
    scale, shift = np.array([1000.0, 0.01, 1.0, 5.0, 1.0]), np.array([50.0, -3.0, 0.0, 0.2, 0.0])

    def convert(t):
        return Trajectory.from_steps(
            np.concatenate([t.observations, t.next_observations[-1:]]) * scale + shift, t.actions
        )

    converted = Demonstrations(tuple(map(convert, demos)), action_bounds=demos.action_bounds)
    settings_of_both = TINY | {"updates": 100, "sigma": 1.0, "shape": "rational"}
    first, second = RED(**settings_of_both).fit(demos), RED(**settings_of_both).fit(converted)
    np.testing.assert_allclose(first.predict(*rows(demos)), second.predict(*rows(converted)), atol=0.02)


def test_far_away_values_are_held_where_squares_are_finite():
    encoder = fit(np.random.default_rng(0).normal(size=(50, 2)))
    far = encoder.standardise(torch.tensor([[1e30, -3e38], [np.inf, -np.inf], [0.1, 0.2]]))
    assert far[:2].abs().tolist() == [[FAR, FAR]] * 2
    assert (far[2].abs() < 3.0).all()


@pytest.mark.parametrize("clock", [False, True])
@pytest.mark.parametrize("inputs", INPUTS)
def test_nothing_varies(inputs, clock):
    """Time alone is nothing to learn from."""
    still = Trajectory.from_steps(np.ones((21, 2)), np.zeros((20, 1)))
    with pytest.raises(DemonstrationError, match="no column varies"):
        RED(inputs=inputs, clock=clock, **TINY).fit(Demonstrations((still,)))


def test_columns_that_all_tell_only_the_episode_stay():
    """Without them nothing would be left."""
    made = tuple(Trajectory.from_steps(np.full((21, 1), float(place)), np.zeros((20, 1))) for place in range(4))
    model = RED(inputs="state", **TINY).fit(Demonstrations(made))
    assert model.encoder_.columns.names[0] not in model.encoder_.dropped_columns


def test_rows_are_concatenated_as_the_inputs_ask():
    obs, act, following = np.ones((2, 2)), np.full((2, 1), 2.0), np.full((2, 2), 3.0)
    expected = {"state": [1, 1], "state-action": [1, 1, 2], "state-next-state": [1, 1, 3, 3]}
    for inputs, row in expected.items():
        found = InputColumns(inputs, obs_dim=2, act_dim=1).concatenate(Rows(obs, act, following))
        assert found.dtype == torch.float32
        assert found.tolist() == [row, row]


def test_discrete_actions_become_one_hot():
    columns = InputColumns("state-action", obs_dim=1, act_dim=4, discrete=True)
    raw = columns.concatenate(Rows(np.zeros((3, 1)), np.array([2, 0, 1])))
    assert raw.tolist() == [[0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]]


def test_an_action_that_no_demonstration_uses_is_dropped():
    demos = choosing(n_actions=3)
    unused = Demonstrations(demos.trajectories, n_actions=4)
    assert "action[3]" in RED(**TINY).fit(unused).encoder_.dropped_columns


OBS, ACT = np.zeros((4, 5)), np.zeros((4, 2))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((OBS[:, :4], ACT), r"observations have shape \(4, 4\); the reward was fitted to \(batch, 5\)"),
        ((OBS[0], ACT), r"observations have shape \(5,\)"),
        ((OBS, None), r"actions have shape None; the reward expects \(4, 2\)"),
        ((OBS, ACT[:, :1]), r"actions have shape \(4, 1\); the reward expects \(4, 2\)"),
        ((OBS, ACT[:3]), r"actions have shape \(3, 2\); the reward expects \(4, 2\)"),
        ((OBS, ACT[:, 0].astype(int)), r"actions have shape \(4,\)"),
    ],
)
def test_arrays_that_do_not_fit(tiny, arrays, message):
    for method in (tiny.predict, tiny.novelty):
        with pytest.raises(SpaceMismatchError, match=message):
            method(*arrays)


@pytest.mark.parametrize("action", [-1, 3])
def test_a_discrete_action_that_does_not_exist(action):
    model = RED(**TINY).fit(choosing())
    with pytest.raises(SpaceMismatchError, match="the reward expects 0 to 2"):
        model.predict(OBS, np.array([0, 1, 2, action]))
    with pytest.raises(SpaceMismatchError, match=r"actions have shape \(4, 2\); the reward expects \(4,\)"):
        model.predict(OBS, ACT)


def test_next_observations_are_asked_for_where_they_are_needed():
    model = RED(inputs="state-next-state", **TINY).fit(circling())
    with pytest.raises(SpaceMismatchError, match=r"next observations have shape None; the reward expects \(4, 5\)"):
        model.predict(OBS, ACT)
    assert model.predict(OBS, None, OBS).shape == (4,)


@pytest.mark.parametrize(
    ("offset", "size", "kept"),
    [(0.0, 1e-6, True), (1e-6, 1e-6, True), (1e6, 1.0, True), (1e6, 0.05, False), (0.0, 1e-9, False)],
)
def test_what_float32_resolves_is_kept_at_any_scale(offset, size, kept):
    signal = np.random.default_rng(0).normal(size=(400, 1))
    encoder = fit(np.concatenate([offset + size * signal, signal], axis=1))
    assert encoder.kept.tolist() == ([0, 1] if kept else [1])
    if kept:
        raw = torch.from_numpy(np.concatenate([offset + size * signal, signal], axis=1).astype(np.float32))
        out = encoder.standardise(raw).numpy()
        np.testing.assert_allclose(out[:, 0], (signal[:, 0] - signal.mean()) / signal.std(), atol=0.1)
