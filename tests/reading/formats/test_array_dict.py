"""One dict of arrays: rows end to end, padded trajectories, or one array for each trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import ACTIONS, COLUMNS, LENGTHS, STEPS, assert_read, flat, trajectories
from saving import CONTAINERS, pickled

from rexd.errors import DemonstrationError
from rexd.inspection.data import find
from rexd.reading.containers.source import Source
from rexd.reading.formats import array_dict
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints

torch = pytest.importorskip("torch")


def tensors(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: torch.as_tensor(values) for name, values in columns.items()}


@pytest.mark.parametrize("container", CONTAINERS)
def test_rows_end_to_end(tmp_path: Path, container: str) -> None:
    assert_read(load_demonstrations(CONTAINERS[container](tmp_path, tensors(flat()))))


def test_what_terminals_and_timeouts_say(tmp_path: Path) -> None:
    columns = flat()
    last = np.isin(np.arange(STEPS), np.cumsum(LENGTHS) - 1)
    made = {
        "observations": columns["observations"],
        "actions": columns["actions"],
        "rewards": columns["rewards"],
        "terminals": columns["dones"],
        "timeouts": last & ~columns["dones"],
        "metadata": {"algorithm": "SAC"},
    }
    demos = load_demonstrations(pickled(tmp_path, made))
    assert_read(demos, following=False)
    assert demos.notes == ("ignored 'metadata' of the file",)


@pytest.mark.parametrize("names", [("obs", "acts"), ("state", "action"), ("observation", "action")])
def test_other_names_without_ends(tmp_path: Path, names: tuple[str, str]) -> None:
    columns = flat()
    file = pickled(tmp_path, dict(zip(names, (columns["observations"], columns["actions"]), strict=True)))
    assert [len(t) for t in load_demonstrations(file, episode_length=6)] == [6, 6]


def padded(*, final: bool = False) -> dict[str, Any]:
    """Return padded trajectories of (B, T, D), as in the files of ikostrikov's GAIL."""
    count, steps = len(LENGTHS), max(LENGTHS)
    made = {
        "states": np.zeros((count, steps + final, COLUMNS)),
        "actions": np.zeros((count, steps, ACTIONS), np.float32),
        "rewards": np.zeros((count, steps)),
        "lengths": np.array(LENGTHS),
    }
    for number, t in enumerate(trajectories()):
        states = np.concatenate([t["observations"], t["next_observations"][-1:]]) if final else t["observations"]
        made["states"][number, : len(states)] = states
        made["actions"][number, : LENGTHS[number]] = t["actions"]
        made["rewards"][number, : LENGTHS[number]] = t["rewards"]
    return made


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("final", [False, True])
def test_padded_trajectories(tmp_path: Path, container: str, final: bool) -> None:
    file = CONTAINERS[container](tmp_path, tensors(padded(final=final)))
    assert_read(load_demonstrations(file), ends=False, following=final)


def test_a_mask_of_padding_that_is_not_read_is_a_warning(tmp_path: Path) -> None:
    made = {name: values for name, values in padded().items() if name != "lengths"}
    made["mask"] = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
    demos = load_demonstrations(pickled(tmp_path, made), episode_length=max(LENGTHS))
    assert "unread-boundaries" in {finding.code for finding in find(demos) if finding.severity == "warning"}
    assert demos.lengths.tolist() == [max(LENGTHS)] * 3


def test_trajectories_of_equal_length_need_no_lengths(tmp_path: Path) -> None:
    for actions in (np.zeros((3, 5, 2)), np.zeros((3, 5), int)):
        file = pickled(tmp_path, {"observations": np.zeros((3, 5, 4)), "actions": actions})
        assert [len(t) for t in load_demonstrations(file, episode_length=5)] == [5] * 3
        with pytest.raises(DemonstrationError, match="3 trajectories of 5 steps, or 3 steps of 5 environments"):
            load_demonstrations(file)


def test_lengths_of_rows_end_to_end(tmp_path: Path) -> None:
    made = {name: flat()[name] for name in ("observations", "actions", "rewards")}
    for extra in (
        {"lengths": list(LENGTHS)},
        {"episode_starts": np.isin(np.arange(STEPS), [0, LENGTHS[0], STEPS - LENGTHS[2]])},
        {"episode_starts": [0, LENGTHS[0], STEPS - LENGTHS[2]]},
    ):
        assert_read(load_demonstrations(pickled(tmp_path, made | extra)), ends=False, following=False)


@pytest.mark.parametrize("kind", ["list", "objects"])
def test_one_array_for_each_trajectory(tmp_path: Path, kind: str) -> None:
    made: dict[str, Any] = {name: [t[name] for t in trajectories()] for name in flat()}
    if kind == "objects":
        for name, parts in made.items():
            made[name] = np.empty(len(parts), object)
            made[name][:] = parts
    assert_read(load_demonstrations(pickled(tmp_path, made)))


def test_plain_lists(tmp_path: Path) -> None:
    made = {name: values.tolist() for name, values in flat().items()}
    demos = load_demonstrations(pickled(tmp_path, made))
    assert [len(t) for t in demos] == list(LENGTHS)
    nested = {name: [t[name].tolist() for t in trajectories()] for name in ("observations", "actions")}
    assert [len(t) for t in load_demonstrations(pickled(tmp_path, nested))] == list(LENGTHS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lengths": [9, 3, 5]}, "trajectory 0 has 5 steps; expected 9 as its length"),
        ({"lengths": [4, 3]}, r"the lengths of trajectories are \[4 3\]; expected 3 whole numbers"),
        ({"lengths": [4, 3.5, 2]}, r"expected 3 whole numbers"),
        ({"lengths": [4, -3, 2]}, r"expected 3 whole numbers"),
        ({"rewards": np.zeros((2, 5))}, "has rewards of 2 trajectories and actions of 3"),
        ({"rewards": np.zeros((3, 2))}, r"trajectory 0 has \d rewards for 4 actions"),
    ],
)
def test_wrong_batches_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DemonstrationError, match=rf"demos\.pkl: .*{message}"):
        load_demonstrations(pickled(tmp_path, padded() | change))


@pytest.mark.parametrize(
    "content",
    [
        {"observations": np.zeros((6, 2)), "actions": np.zeros((6, 1))},
        {"observations": np.zeros((6, 1, 2)), "actions": np.zeros((6, 1, 1))},
        {"observations": np.zeros((6, 2)), "actions": np.zeros((6, 1)), "dones": 1},
        {"policy.weight": np.zeros((6, 2))},
        {"obs": 1, "acts": 2},
        {},
    ],
)
def test_other_dicts_are_left_to_others(tmp_path: Path, content: dict[str, Any]) -> None:
    assert not array_dict.sniff(Source(pickled(tmp_path, content)))


def test_time_limits() -> None:
    source = Source("memory")
    source.__dict__["content"] = flat()
    demos = array_dict.load(source, Hints(max_episode_steps=4))
    assert [bool(t.truncated[-1]) for t in demos] == [True, True, False]


def golden(folder: Path) -> list[Golden]:
    (folder / "padded").mkdir()
    return [
        *(Golden(save(folder, tensors(flat())), trajectories=3) for save in CONTAINERS.values()),
        *(Golden(save(folder / "padded", tensors(padded())), trajectories=3) for save in CONTAINERS.values()),
    ]
