"""Lists of one dict for each transition, as DI-engine and others write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import STEPS, assert_read, flat, trajectories
from saving import CONTAINERS, pickled
from stress import transitions_per_second

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import transition_dicts
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints

torch = pytest.importorskip("torch")

NAMES = {
    "observations": "obs",
    "actions": "action",
    "rewards": "reward",
    "next_observations": "next_obs",
    "dones": "done",
}


def rows(**changes: Any) -> list[dict[str, Any]]:
    """Return one dict of arrays for each transition, with DI-engine's names."""
    columns = {NAMES[name]: values for name, values in flat().items()} | changes
    return [{name: values[i] for name, values in columns.items() if values is not None} for i in range(STEPS)]


def di_engine() -> list[dict[str, Any]]:
    """Return the same as tensors, with rewards of shape (1,)."""
    return [
        {
            **{name: torch.as_tensor(row[name]) for name in ("obs", "action", "next_obs")},
            "reward": torch.tensor([row["reward"]], dtype=torch.float64),
            "done": bool(row["done"]),
            "collect_iter": 0,
        }
        for row in rows()
    ]


@pytest.mark.parametrize("container", CONTAINERS)
def test_di_engine(tmp_path: Path, container: str) -> None:
    demos = load_demonstrations(CONTAINERS[container](tmp_path, di_engine()))
    assert_read(demos)
    assert demos.notes[-1] == "ignored 'collect_iter' of each transition"


def test_obs_and_action_are_enough(tmp_path: Path) -> None:
    file = pickled(tmp_path, [{"obs": row["obs"], "action": row["action"]} for row in rows()])
    assert [len(t) for t in load_demonstrations(file, episode_length=6)] == [6, 6]


def test_other_names_and_plain_numbers(tmp_path: Path) -> None:
    made = [
        {
            "state": row["obs"].tolist(),
            "action": row["action"].tolist(),
            "next_state": row["next_obs"].tolist(),
            "terminated": bool(row["done"]),
            "truncated": False,
        }
        for row in rows()
    ]
    assert_read(load_demonstrations(pickled(tmp_path, made)), rewards=False)


def test_a_list_for_each_trajectory(tmp_path: Path) -> None:
    lists = [
        [{"obs": o, "action": a} for o, a in zip(t["observations"], t["actions"], strict=True)] for t in trajectories()
    ]
    demos = load_demonstrations(pickled(tmp_path, [*lists, []]))
    assert_read(demos, ends=False, following=False, rewards=False)


def test_discrete_actions(tmp_path: Path) -> None:
    for actions in (np.arange(STEPS) % 3, torch.arange(STEPS)[:, None] % 3):
        demos = load_demonstrations(pickled(tmp_path, rows(action=actions)))
        assert demos.n_actions == 3
        assert demos.trajectories[0].actions.tolist() == [0, 1, 2, 0]


def test_an_axis_too_many(tmp_path: Path) -> None:
    columns = flat()
    demos = load_demonstrations(
        pickled(tmp_path, rows(obs=columns["observations"][:, None], next_obs=columns["next_observations"][:, None]))
    )
    assert_read(demos)


def test_n_step_rewards(tmp_path: Path) -> None:
    demos = load_demonstrations(pickled(tmp_path, rows(reward=np.stack([flat()["rewards"]] * 3, 1))))
    assert_read(demos)
    assert "3 rewards for each step" in demos.notes[-1]


@pytest.mark.parametrize(
    ("number", "change", "message"),
    [
        (5, {"obs": None}, "row 5 has no 'obs'; found 'action', 'reward', 'next_obs', 'done'"),
        (5, {"obs": np.ones(4)}, r"observations have shape \(4,\) in row 5 and \(3,\) in row 0"),
        (5, {"obs": "text"}, "observations are a str"),
        (0, {"obs": {"pixels": np.ones(3)}}, "some observations are dicts, and 'next_obs' is one array"),
        (5, {"action": np.full(2, np.nan)}, "trajectory 1: actions: .* at step 1"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, number: int, change: dict[str, Any], message: str) -> None:
    made = rows()
    made[number] = {key: value for key, value in (made[number] | change).items() if value is not None}
    if number == 0:
        made = [made[0]] * len(made)
    with pytest.raises(DemonstrationError, match=rf"demos\.pkl: .*{message}"):
        load_demonstrations(pickled(tmp_path, made))


def test_a_row_that_is_no_dict(tmp_path: Path) -> None:
    with pytest.raises(DemonstrationError, match=r"demos\.pkl: row 12 is a list; expected a dict as row 0"):
        load_demonstrations(pickled(tmp_path, [*rows(), [1]]))


def test_keys_that_some_rows_lack_are_left_out(tmp_path: Path) -> None:
    made = rows()
    del made[7]["reward"]
    demos = load_demonstrations(pickled(tmp_path, made))
    assert_read(demos, rewards=False)
    assert demos.notes[-1] == "ignored 'reward', which row 7 does not have"


def test_a_quarter_of_a_million_transitions_a_second() -> None:
    count, episode = 100_000, 500
    source = Source("memory")
    source.__dict__["content"] = [
        {
            "obs": np.full(17, i, np.float32),
            "action": np.ones(6, np.float32),
            "next_obs": np.full(17, i + 1, np.float32),
            "reward": np.ones(1, np.float32),
            "done": i % episode == episode - 1,
        }
        for i in range(count)
    ]
    assert len(transition_dicts.load(source, Hints())) == count // episode
    assert transitions_per_second(lambda: transition_dicts.load(source, Hints())) > 250_000


def golden(folder: Path) -> list[Golden]:
    return [Golden(save(folder, di_engine()), trajectories=3) for save in CONTAINERS.values()]
