import numpy as np
import pytest
import torch
from circling import TINY

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.reward.estimator.between_episodes import FEWEST_TRAJECTORIES, column_relevance
from rexd.reward.files import load_reward
from rexd.reward.red.red import RED

GOAL = (2, 3)


def reaching(trajectories=4, steps=40):
    """A point that moves to a goal: its way to the goal, and the goal, which each trajectory draws anew."""
    rng = np.random.default_rng(0)
    return Demonstrations(tuple(_reach(rng, steps) for _ in range(trajectories)))


def _reach(rng, steps):
    goal, way = rng.uniform(-1.0, 1.0, 2), rng.uniform(-1.0, 1.0, 2)
    observations, actions = [], []
    for _ in range(steps + 1):
        observations.append([*way, *goal])
        actions.append(np.clip(-way + rng.normal(0.0, 0.02, 2), -1.0, 1.0))
        way = way + 0.2 * actions[-1]
    return Trajectory.from_steps(np.array(observations), np.array(actions[:-1]))


def of(columns, counts):
    trajectory = np.repeat(np.arange(len(counts)), counts)
    return column_relevance(torch.from_numpy(np.asarray(columns)), torch.from_numpy(trajectory)).numpy()


def test_a_column_that_is_one_value_in_each_trajectory_has_none():
    rng = np.random.default_rng(0)
    column = np.repeat(rng.normal(size=4), 50)
    both = np.stack([column, rng.normal(size=200)], axis=1)
    np.testing.assert_allclose(of(both, [50] * 4), [0.0, 1.0], atol=0.05)


def test_half_of_the_variance_between_trajectories_leaves_a_quarter():
    rng = np.random.default_rng(0)
    counts = [400] * 200
    column = np.repeat(rng.normal(size=200), 400) + rng.normal(size=80_000)
    np.testing.assert_allclose(of(column[:, None], counts), [0.25], atol=0.06)


def test_means_that_differ_by_chance_count_little():
    rows = np.random.default_rng(0).normal(size=(20, 50))
    assert of(rows, [5] * 4).mean() > 0.75


def test_scale_and_shift_change_nothing():
    rng = np.random.default_rng(0)
    column = np.repeat(rng.normal(size=5), 20) + rng.normal(size=100)
    both = np.stack([column, 1e3 * column - 7.0], axis=1)
    plain, moved = of(both, [20] * 5)
    assert plain == pytest.approx(moved, rel=1e-5)


@pytest.mark.parametrize("counts", [[50, 50], [50, 50, 1], [100]])
def test_few_trajectories_tell_nothing(counts):
    assert len([n for n in counts if n > 1]) < FEWEST_TRAJECTORIES
    column = np.repeat(np.arange(len(counts), dtype=float), counts)[:, None]
    np.testing.assert_array_equal(of(column, counts), [1.0])


def test_a_constant_column_is_not_blamed():
    np.testing.assert_array_equal(of(np.ones((30, 1)), [10] * 3), [1.0])


def test_the_reward_tells_a_new_goal_from_beside_it(tmp_path):
    model = RED(updates=250).fit(reaching())
    assert set(model.encoder_.weighted_columns) >= {f"observation[{column}]" for column in GOAL}
    assert not {"observation[0]", "observation[1]"} & set(model.encoder_.dropped_columns)
    goals = np.random.default_rng(1).uniform(-1.0, 1.0, (100, 2))
    still = np.zeros((100, 2))
    on, beside = (model.predict(np.hstack([way, goals]), still).mean() for way in (still, still + 0.2))
    assert on > beside + 0.2
    loaded = load_reward(model.save(tmp_path / "reward.safetensors"))
    rows = reaching().transitions()
    assert loaded.predict(rows.obs, rows.act).tobytes() == model.predict(rows.obs, rows.act).tobytes()
    assert loaded.encoder_.weighted_columns == model.encoder_.weighted_columns


def test_columns_that_the_action_needs_are_kept():
    """Way and goal as two columns of one position each: without the goal the action cannot be told."""
    moved = tuple(
        Trajectory.from_steps(
            np.hstack([t.observations[:, :2] + t.observations[:, 2:], t.observations[:, 2:]]), t.actions
        )
        for t in reaching(trajectories=12)
    )
    model = RED(**TINY | {"updates": 250}).fit(Demonstrations(moved))
    assert model.encoder_.dropped_columns == model.encoder_.weighted_columns == []
