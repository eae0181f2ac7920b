from functools import partial

import gymnasium
import pytest
from gymnasium.wrappers import TimeLimit
from troublesome import ENDLESS, Endless

from rexd.envs.factory import EnvironmentFactory
from rexd.envs.time_limit import known_limit, limit_of, with_limit
from rexd.errors import TaskError
from rexd.evaluation.policies import ZeroPolicy
from rexd.evaluation.rollouts import rollout


def cart(**kwargs):
    return gymnasium.make("CartPole-v1", **kwargs)


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (cart, 500),
        (partial(cart, max_episode_steps=7), 7),
        (partial(cart, max_episode_steps=-1), None),
        (lambda: cart().unwrapped, None),
        (Endless, None),
        (lambda: gymnasium.wrappers.OrderEnforcing(TimeLimit(Endless(), 9)), 9),
        (lambda: TimeLimit(TimeLimit(Endless(), 9), 20), 9),
        (partial(gymnasium.make, ENDLESS), None),
    ],
)
def test_the_limit_that_is_known(make, steps):
    assert known_limit(make()) == steps


def test_an_environment_with_a_limit_is_left_as_it_is():
    env = cart()
    limit = limit_of(env, None, longest=10)
    assert (limit.steps, limit.note) == (None, None)
    assert with_limit(env, limit.steps) is env


def test_without_a_limit_it_is_twice_the_longest_demonstration():
    limit = limit_of(Endless(), None, longest=25)
    assert limit.steps == 50
    for word in ("Endless has no time limit", "after 50 steps", "--max-episode-steps"):
        assert word in limit.note


def test_what_is_asked_for_comes_before_what_a_run_records():
    assert limit_of(Endless(), 30, recorded=20, longest=25).steps == 30
    recorded = limit_of(Endless(), None, recorded=20)
    assert recorded.steps == 20
    assert "after 20 steps, as in the run" in recorded.note
    assert limit_of(cart(), 30).steps == 30
    assert "CartPole-v1 itself ends episodes after 500 steps, sooner" in limit_of(cart(), 600).note


@pytest.mark.parametrize("steps", [0, -1])
def test_a_limit_is_positive(steps):
    with pytest.raises(TaskError, match=f"max_episode_steps is {steps}; expected 1 or more"):
        limit_of(cart(), steps)


def test_nothing_to_go_by_is_refused_with_the_option():
    with pytest.raises(TaskError, match=r"Endless has no time limit that is known.*--max-episode-steps N"):
        limit_of(Endless(), None)


def test_the_factory_cuts_episodes_off_as_truncated():
    played = rollout(EnvironmentFactory(Endless, {}, 6), ZeroPolicy(Endless().action_space), 2, seed=0)
    assert [len(t) for t in played] == [6, 6]
    assert all(t.truncated[-1] and not t.terminated.any() for t in played)


def test_the_factory_makes_the_environment_as_it_is():
    env = EnvironmentFactory("CartPole-v1", {"sutton_barto_reward": True})()
    own = cart(sutton_barto_reward=True)
    first, same = env.reset(seed=3), own.reset(seed=3)
    assert first[0].tobytes() == same[0].tobytes()
    for _ in range(20):
        (a, *rest), (b, *others) = env.step(1), own.step(1)
        assert a.tobytes() == b.tobytes()
        assert rest == others
        if rest[1]:
            break
    assert rest[1]
