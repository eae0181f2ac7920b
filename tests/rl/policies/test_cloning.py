import numpy as np
import pytest
import torch
from pointmass import HIGH, LOW, OFFSET, WIDTH, choosing_expert, demonstrate, discrete_expert, expert

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import DemonstrationError
from rexd.rl.policies import cloning as bc
from rexd.rl.policies.cloning import Cloning, clone

SMALL = {"hidden": (32, 32)}
POSITIONS = np.random.default_rng(9).normal(size=(500, 2))
RAW = OFFSET + WIDTH * POSITIONS


def one_trajectory(rows):
    return demonstrate(trajectories=1, steps=rows)


def noise(trajectories=4, steps=20):
    rng = np.random.default_rng(0)
    draw = [(rng.normal(size=(steps + 1, 4)), rng.uniform(-1, 1, (steps, 1))) for _ in range(trajectories)]
    return Demonstrations(tuple(Trajectory.from_steps(obs, act) for obs, act in draw))


def updates_of(demonstrations, **kwargs):
    """(gradient steps of the search, gradient steps of the final fit)."""
    done = []
    clone(demonstrations, **SMALL, progress=lambda *numbers: done.append(numbers), **kwargs)
    return bc.MOST_UPDATES, done[-1][0] - bc.MOST_UPDATES


class TestContinuous:
    @pytest.mark.parametrize("squashed", [True, False])
    def test_imitates_an_expert_on_fresh_observations(self, squashed):
        policy = clone(demonstrate(), action_space=(LOW, HIGH), updates=400, squashed=squashed, **SMALL)
        actions, _ = policy.predict(RAW)
        wrong = ((actions - expert(POSITIONS)) ** 2).mean(axis=0)
        assert (wrong < 0.03 * expert(POSITIONS).var(axis=0)).all()
        assert policy.spec.distribution == ("squashed-gaussian" if squashed else "gaussian")
        assert ((actions >= LOW) & (actions <= HIGH)).all()

    def test_actions_beyond_the_bounds_count_as_the_bounds(self):
        inside = demonstrate()
        beyond = Demonstrations(tuple(_with_actions(t, _exaggerated(t.actions)) for t in inside))
        for_both = [clone(d, action_space=(LOW, HIGH), updates=50, **SMALL).predict(RAW)[0] for d in (inside, beyond)]
        np.testing.assert_array_equal(*for_both)

    @pytest.mark.parametrize(
        ("space", "message"),
        [
            ((LOW[:1], HIGH[:1]), r"do not fit bounds of shape \(1,\)"),
            ((LOW, np.full(2, np.inf, np.float32)), "expected finite bounds"),
            ((HIGH, LOW), "cannot clone actions between"),
            (3, "do not fit 3 discrete actions"),
        ],
    )
    def test_refuses_another_action_space(self, space, message):
        with pytest.raises(DemonstrationError, match=message):
            clone(demonstrate(), action_space=space, updates=1)


class TestDiscrete:
    def test_imitates_an_expert(self):
        demos = demonstrate(act=discrete_expert)
        policy = clone(demos, action_space=3, updates=400, **SMALL)
        actions, _ = policy.predict(RAW)
        assert np.mean(actions == discrete_expert(POSITIONS)) > 0.9
        assert policy.spec.distribution == "categorical"

    def test_imitates_several_choices_at_the_same_time(self):
        demos = demonstrate(act=choosing_expert)
        policy = clone(demos, action_space=(3, 2), updates=400, **SMALL)
        assert policy.spec.choices == (3, 2)
        assert (policy.predict(RAW)[0] == choosing_expert(POSITIONS)).mean() > 0.9
        with pytest.raises(DemonstrationError, match=r"do not fit discrete choices among \[2, 2\] options"):
            clone(demos, action_space=(2, 2), updates=1)

    def test_may_leave_actions_of_the_space_unused(self):
        policy = clone(demonstrate(act=discrete_expert), action_space=5, updates=100, **SMALL)
        assert policy.layers[-1][0].shape == (5, 32)
        assert set(policy.predict(RAW)[0].tolist()) <= {0, 1, 2}

    @pytest.mark.parametrize("space", [2, (LOW, HIGH)])
    def test_refuses_another_action_space(self, space):
        with pytest.raises(DemonstrationError, match="do not fit"):
            clone(demonstrate(act=discrete_expert), action_space=space, updates=1)


class TestUpdates:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        monkeypatch.setattr(bc, "MOST_UPDATES", 300)

    def test_fits_noise_for_a_short_time_and_an_expert_for_a_long_one(self):
        _, short = updates_of(noise(), action_space=(-np.ones(1), np.ones(1)))
        _, long = updates_of(demonstrate(), action_space=(LOW, HIGH))
        assert short <= 150
        assert long == 300

    def test_whole_trajectories_are_held_out(self):
        """Rows repeat inside a trajectory, so that only another trajectory can tell noise from a rule."""
        rng = np.random.default_rng(0)
        episodes = []
        for _ in range(4):
            obs, act = rng.normal(size=(1, 4)), rng.uniform(-1, 1, (1, 1))
            episodes.append(Trajectory.from_steps(np.repeat(obs, 31, axis=0), np.repeat(act, 30, axis=0)))
        _, final = updates_of(Demonstrations(tuple(episodes)), action_space=(-np.ones(1), np.ones(1)))
        assert final < 300

    def test_the_end_of_a_single_trajectory_is_held_out(self):
        t = noise(trajectories=1, steps=80)
        _, short = updates_of(t, action_space=(-np.ones(1), np.ones(1)))
        _, long = updates_of(one_trajectory(80), action_space=(LOW, HIGH))
        assert short < long

    @pytest.mark.parametrize("rows", [1, 3, 4])
    def test_a_handful_of_rows_is_fitted(self, rows):
        demos = one_trajectory(rows)
        policy = clone(demos, action_space=(LOW, HIGH), **SMALL)
        actions, _ = policy.predict(demos.transitions().obs)
        np.testing.assert_allclose(actions, demos.transitions().act, atol=0.25)

    def test_a_number_that_is_given_is_kept(self):
        done = []
        clone(demonstrate(), action_space=(LOW, HIGH), updates=130, progress=lambda *n: done.append(n), **SMALL)
        assert done == [(50, 130), (100, 130), (130, 130)]

    def test_all_rows_are_in_the_final_fit(self):
        """The last trajectory alone has positions above zero; it is the one held out."""
        below, above = -np.abs(POSITIONS[:151]), np.abs(POSITIONS[:51])
        paths = [*np.split(below[:150], 3), above]
        demos = Demonstrations(tuple(Trajectory.from_steps(OFFSET + WIDTH * p, expert(p[:-1])) for p in paths))
        policy = clone(demos, action_space=(LOW, HIGH), **SMALL)
        seen = above[:-1]
        wrong = ((policy.predict(OFFSET + WIDTH * seen)[0] - expert(seen)) ** 2).mean()
        assert wrong < 0.2 * expert(seen).var()


class TestGoingOn:
    """A fit goes on where the last call ended."""

    @pytest.mark.parametrize("before", [[20], [20, 50], [80], []])
    def test_ends_where_one_fit_ends(self, before):
        cloning = Cloning(demonstrate(), action_space=(LOW, HIGH), seed=3)
        earlier = [cloning.policy(updates) for updates in before]
        kept = [policy.predict(RAW)[0] for policy in earlier]
        found = cloning.policy(50)
        expected = clone(demonstrate(), action_space=(LOW, HIGH), seed=3, updates=50)
        np.testing.assert_array_equal(found.predict(RAW)[0], expected.predict(RAW)[0])
        for policy, actions in zip(earlier, kept, strict=True):
            np.testing.assert_array_equal(policy.predict(RAW)[0], actions)


class TestSeed:
    def test_decides_everything(self):
        policies = [clone(demonstrate(), action_space=(LOW, HIGH), updates=20, seed=s, **SMALL) for s in (0, 0, 1)]
        actions = [policy.predict(RAW)[0] for policy in policies]
        np.testing.assert_array_equal(actions[0], actions[1])
        assert not np.array_equal(actions[0], actions[2])

    def test_leaves_the_global_generators_alone(self):
        torch.manual_seed(0)
        before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        clone(demonstrate(), action_space=(LOW, HIGH), updates=5, **SMALL)
        assert torch.equal(torch.get_rng_state(), before)
        np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_weights_are_of_float32_and_have_no_graph(tmp_path):
    policy = clone(demonstrate(), action_space=(LOW, HIGH), updates=5, hidden=(8,))
    assert [tuple(weight.shape) for weight, _ in policy.layers] == [(8, 2), (2, 8)]
    for tensor in (tensor for layer in policy.layers for tensor in layer):
        assert tensor.dtype == torch.float32
        assert not tensor.requires_grad


def test_real_demonstrations_are_cloned_well(shared_data):
    """200 rows of HalfCheetah explain the rows that were left out, as a line through them does not."""
    from rexd.reading.load import load_demonstrations

    demos = load_demonstrations(shared_data / "red" / "HalfCheetah-v2.pkl", episode_length=1000)
    demos = demos.clip_actions(-np.ones(6), np.ones(6)).subsample(20)
    policy = clone(demos, action_space=(-np.ones(6, np.float32), np.ones(6, np.float32)), updates=400)
    rest = demos.unused_transitions()
    wrong = ((policy.predict(rest.obs)[0] - rest.act) ** 2).mean()
    known = demos.transitions()
    line = np.linalg.lstsq(np.c_[known.obs, np.ones(len(known))], known.act, rcond=None)[0]
    assert wrong < 0.5 * ((np.c_[rest.obs, np.ones(len(rest))] @ line - rest.act) ** 2).mean()


def _with_actions(t, actions):
    return Trajectory.from_steps(np.concatenate([t.observations, t.next_observations[-1:]]), actions)


def _exaggerated(actions):
    return np.where(actions == LOW, LOW - 3, np.where(actions == HIGH, HIGH + 3, actions)).astype(np.float32)
