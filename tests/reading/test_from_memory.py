"""Demonstrations from what a program holds."""

from __future__ import annotations

import doctest
from collections import deque, namedtuple
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import rexd
from rexd.demos import Demonstrations, Trajectory
from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.reading import from_memory as memory

LENGTHS = (4, 3, 5)
ENDS = np.cumsum(LENGTHS) - 1
N = sum(LENGTHS)


def rollouts() -> list[dict[str, NDArray[Any]]]:
    rng = np.random.default_rng(0)
    return [
        {
            "observations": rng.normal(size=(n + 1, 3)),
            "actions": rng.uniform(-1, 1, size=(n, 2)).astype(np.float32),
            "rewards": rng.normal(size=n),
            "terminations": np.arange(n) == (n - 1 if n != 3 else n),
            "truncations": np.arange(n) == (n - 1 if n == 3 else n),
        }
        for n in LENGTHS
    ]


def flat() -> dict[str, NDArray[Any]]:
    made = rollouts()
    columns = {name: np.concatenate([t[name] for t in made]) for name in made[0] if name != "observations"}
    columns["observations"] = np.concatenate([t["observations"][:-1] for t in made])
    columns["next_observations"] = np.concatenate([t["observations"][1:] for t in made])
    return columns


def transitions() -> list[tuple[Any, ...]]:
    columns = flat()
    names = ("observations", "actions", "rewards", "next_observations", "terminations", "truncations")
    return list(zip(*(columns[name] for name in names), strict=True))


def check(demos: Demonstrations, *, following: bool = True, rewards: bool = True) -> None:
    assert demos.source == "memory"
    assert [len(t) for t in demos] == list(LENGTHS)
    assert [bool(t.terminated[-1]) for t in demos] == [True, False, True]
    for t, made in zip(demos, rollouts(), strict=True):
        np.testing.assert_array_equal(t.observations, made["observations"][:-1])
        np.testing.assert_array_equal(t.actions, made["actions"])
        assert t.next_known.all() == following
        if following:
            np.testing.assert_array_equal(t.next_observations, made["observations"][1:])
        assert (t.rewards is not None) == rewards


def as_dicts() -> list[dict[str, Any]]:
    names = ("obs", "action", "reward", "next_obs", "terminated", "truncated")
    return [dict(zip(names, row, strict=True)) for row in transitions()]


def test_rollouts() -> None:
    check(rexd.to_demonstrations(rollouts()))
    check(rexd.to_demonstrations(tuple(rollouts())))
    check(rexd.to_demonstrations(iter(rollouts())))
    check(rexd.to_demonstrations({name: [t[name] for t in rollouts()] for name in rollouts()[0]}))


def test_arrays_end_to_end() -> None:
    check(rexd.to_demonstrations(flat()))
    check(
        rexd.to_demonstrations(
            {name: values.tolist() for name, values in flat().items()} | {"actions": flat()["actions"]}
        )
    )


def test_transitions() -> None:
    check(rexd.to_demonstrations(transitions()))
    check(rexd.to_demonstrations(deque(transitions())))
    check(rexd.to_demonstrations(as_dicts()))
    made = namedtuple("Transition", ["next_state", "state", "action", "reward", "terminated", "truncated"])
    rows = [made(n, s, a, r, t, u) for s, a, r, n, t, u in transitions()]
    check(rexd.to_demonstrations(rows))
    check(rexd.to_demonstrations(deque(rows)))


@pytest.mark.parametrize("places", [(0, 1, 2, 3, 4, 5), (0, 1, 2, 4, 5)])
@pytest.mark.parametrize("infos", [False, True])
def test_what_step_returns(places: tuple[int, ...], infos: bool) -> None:
    rows = [tuple(row[place] for place in places) + ({"x": 1},) * infos for row in transitions()]
    demos = rexd.to_demonstrations(rows)
    check(demos, following=3 in places)
    assert ("ignored the dicts in place" in " ".join(demos.notes)) == infos


def test_transitions_of_each_trajectory() -> None:
    nested = [transitions()[end + 1 - n : end + 1] for n, end in zip(LENGTHS, ENDS, strict=True)]
    check(rexd.to_demonstrations(nested))


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    check(rexd.to_demonstrations({name: torch.as_tensor(values) for name, values in flat().items()}))
    check(rexd.to_demonstrations([{k: torch.as_tensor(v, dtype=None) for k, v in row.items()} for row in as_dicts()]))
    leaf = torch.zeros((6, 3), requires_grad=True)
    demos = rexd.to_demonstrations({"obs": leaf, "acts": torch.zeros((6, 2))}, episode_length=3)
    assert len(demos) == 2


def test_one_array() -> None:
    rows = np.random.default_rng(0).normal(size=(12, 5))
    demos = rexd.to_demonstrations(rows, columns=slice(0, 3), episode_length=6)
    assert ([len(t) for t in demos], demos.obs_dim, demos.act_dim) == ([6, 6], 3, 2)


def test_trajectories() -> None:
    made = [
        Trajectory.from_steps(t["observations"], t["actions"], terminated=bool(t["terminations"][-1]))
        for t in rollouts()
    ]
    check(rexd.to_demonstrations(made), rewards=False)
    check(rexd.to_demonstrations(Demonstrations(tuple(made))), rewards=False)
    assert len(rexd.to_demonstrations(made[0])) == 1
    with pytest.raises(DemonstrationError, match="memory: records trajectories of 3, 4, 5 steps, but episode_length"):
        rexd.to_demonstrations(made, episode_length=4)


def test_minari() -> None:
    episodes = [SimpleNamespace(id=n, infos={}, **made) for n, made in enumerate(rollouts())]
    check(rexd.to_demonstrations(episodes))
    assert len(rexd.to_demonstrations(episodes[0])) == 1
    spec = SimpleNamespace(id="Hopper-v5")
    demos = rexd.to_demonstrations(SimpleNamespace(iterate_episodes=lambda: iter(episodes), env_spec=spec))
    check(demos)
    assert demos.env_id == "Hopper-v5"
    episodes[0].observations = {"position": np.zeros((5, 3))}
    with pytest.raises(DemonstrationError, match="some observations are dicts, and 'observations' is one array"):
        rexd.to_demonstrations(episodes)


def test_imitation() -> None:
    made = [
        SimpleNamespace(
            obs=t["observations"],
            acts=t["actions"],
            rews=t["rewards"],
            infos=None,
            terminal=bool(t["terminations"][-1]),
        )
        for t in rollouts()
    ]
    check(rexd.to_demonstrations(made))
    columns = flat()
    demos = rexd.to_demonstrations(
        SimpleNamespace(
            obs=columns["observations"],
            acts=columns["actions"],
            next_obs=columns["next_observations"],
            dones=columns["terminations"] | columns["truncations"],
            infos=np.array([{}] * N),
        )
    )
    assert [len(t) for t in demos] == list(LENGTHS)


def test_transitions_that_are_also_a_sequence() -> None:
    class Transitions(Sequence[Any]):
        """As imitation's: its arrays are read as a whole, and not row by row."""

        def __init__(self) -> None:
            columns = flat()
            self.obs, self.acts = columns["observations"], columns["actions"]
            self.next_obs, self.dones = columns["next_observations"], columns["terminations"] | columns["truncations"]

        def __len__(self) -> int:
            return N

        def __getitem__(self, index: Any) -> Any:
            raise AssertionError("a single row was asked for")

    demos = rexd.to_demonstrations(Transitions())
    assert [len(t) for t in demos] == list(LENGTHS)
    np.testing.assert_array_equal(demos.transitions().act, flat()["actions"])


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_key_order_extra_keys_and_dtype(data: st.DataObject) -> None:
    columns: dict[str, Any] = {**flat(), "extra": np.zeros(3), "infos": ["text"] * N, 7: None}
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.float16]))
    columns["observations"] = columns["observations"].astype(dtype)
    columns["next_observations"] = columns["next_observations"].astype(dtype)
    flags = data.draw(st.sampled_from([bool, np.uint8, np.int64, np.float32]))
    for name in ("terminations", "truncations"):
        columns[name] = columns[name].astype(flags)
    keys = data.draw(st.permutations(list(columns)))
    demos = rexd.to_demonstrations({key: columns[key] for key in keys})
    assert [len(t) for t in demos] == list(LENGTHS)
    assert [bool(t.terminated[-1]) for t in demos] == [True, False, True]
    np.testing.assert_array_equal(np.concatenate([t.observations for t in demos]), columns["observations"])


def test_what_is_given_is_copied_and_not_changed() -> None:
    data = flat()
    demos = rexd.to_demonstrations(data)
    before = demos.trajectories[0].observations.copy()
    assert data["observations"].flags.writeable
    data["observations"][:] = 7.0
    np.testing.assert_array_equal(demos.trajectories[0].observations, before)


def test_columns_bounds_and_environment() -> None:
    demos = rexd.to_demonstrations(rollouts(), columns=[0, 2], action_bounds=(-0.1, 0.1))
    assert demos.obs_dim == 2
    assert demos.transitions().act.max() == np.float32(0.1)
    box = SimpleNamespace(shape=(3,), low=np.full(3, -9.0), high=np.full(3, 9.0))
    act = SimpleNamespace(shape=(2,), low=np.full(2, -0.5), high=np.full(2, 0.5))
    env = SimpleNamespace(observation_space=box, action_space=act, spec=None)
    assert rexd.to_demonstrations(rollouts(), env=env).transitions().act.max() == 0.5
    with pytest.raises(SpaceMismatchError, match="memory: the demonstrations have 2 observation columns"):
        rexd.to_demonstrations(rollouts(), env=env, columns=[0, 2])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("Hopper-v2.pkl", "'Hopper-v2.pkl' is a name, not data; read files and datasets with load_demonstrations"),
        ([], "memory: is a list; expected a dict of arrays, or a list of"),
        (object(), "memory: is a object; expected a dict of arrays"),
        (None, "memory: is a NoneType; expected a dict"),
        ({"obs": np.zeros((3, 2))}, "memory: 3 steps are stored end to end, and nothing says where trajectories begin"),
        (
            {"obs": np.zeros((3, 2)), "force": np.zeros((3, 1))},
            "memory: is a dict of 'obs', 'force'; expected actions as",
        ),
        ({"obs": np.zeros((3, 2)), "acts": np.zeros((4, 1))}, r"memory: actions have shape \(4, 1\)"),
    ],
)
def test_what_is_no_demonstration(data: Any, message: str) -> None:
    with pytest.raises(DemonstrationError, match=message):
        rexd.to_demonstrations(data)


def test_example_in_the_docstring() -> None:
    assert doctest.testmod(memory, extraglobs={"np": np}).failed == 0
