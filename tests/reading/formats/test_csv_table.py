"""One text file with named columns, in the spellings that people use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from golden import Golden
from recorded import ACTIONS, COLUMNS, LENGTHS, assert_read, flat

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import csv_table
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints

EPISODE = np.repeat(np.arange(3), LENGTHS)
STEP = np.concatenate([np.arange(n) for n in LENGTHS])


def written(
    folder: Path,
    *,
    obs: str = "obs_{}",
    act: str = "action_{}",
    following: str | None = "next_obs_{}",
    reward: str | None = "reward",
    done: str | None = "done",
    first: int = 0,
    delimiter: str = ",",
    **extra: object,
) -> Path:
    """Return the recorded rows as a table; extra columns come first."""
    columns = flat()
    found = {name: np.asarray(values) for name, values in extra.items()}

    def add(pattern: str, rows: np.ndarray) -> None:
        found.update({pattern.format(n + first): rows[:, n].astype(float) for n in range(rows.shape[1])})

    add(obs, columns["observations"])
    add(act, columns["actions"])
    if reward is not None:
        found[reward] = columns["rewards"]
    if following is not None:
        add(following, columns["next_observations"])
    if done is not None:
        found[done] = columns["dones"]
    lines = [delimiter.join(found)]
    lines += [delimiter.join(map(str, row)) for row in zip(*(v.tolist() for v in found.values()), strict=True)]
    file = folder / "demos.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_everything(tmp_path: Path) -> None:
    demos = load_demonstrations(written(tmp_path, episode=EPISODE, step=STEP))
    assert_read(demos)
    assert demos.notes == ()


@pytest.mark.parametrize(
    ("obs", "act", "following"),
    [
        ("obs{}", "act{}", "next_obs{}"),
        ("Observation[{}]", "Action[{}]", "Next_Observation[{}]"),
        ("state.{}", "actions.{}", "next_state.{}"),
        ("s{}", "a{}", "next_s{}"),
        ("obs_x{}y", "act_x{}y", "obs_next_x{}y"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
@pytest.mark.parametrize("first", [0, 1])
def test_spellings(tmp_path: Path, obs: str, act: str, following: str, delimiter: str, first: int) -> None:
    names = {"obs": obs, "act": act, "following": following, "reward": "rew", "done": "terminal"}
    file = written(tmp_path, delimiter=delimiter, first=first, Episode_ID=EPISODE, **names)
    assert_read(load_demonstrations(file))


def test_order_is_that_of_the_numbers(tmp_path: Path) -> None:
    file = tmp_path / "demos.csv"
    names = [f"obs_{n}" for n in (2, 10, 0, 1, *range(3, 10))]
    file.write_text(",".join([*names, "action"]) + "\n" + ",".join(["2", "10", "0", "1", *"3456789", "0.5"]) + "\n")
    demos = load_demonstrations(file, episode_length=1)
    assert demos.trajectories[0].observations[0].tolist() == list(range(11))


@pytest.mark.parametrize("known", [{"episode": EPISODE}, {"timestep": STEP}, {"traj_id": EPISODE * 7 + 3}])
def test_episodes_or_steps_are_enough(tmp_path: Path, known: dict[str, object]) -> None:
    file = written(tmp_path, following=None, reward=None, done=None, **known)
    assert_read(load_demonstrations(file), ends=False, following=False, rewards=False)


def test_rows_of_several_environments_are_put_in_order(tmp_path: Path) -> None:
    file = written(tmp_path, episode=EPISODE, step=STEP)
    header, *rows = file.read_text().splitlines()
    mixed = sorted(zip(STEP.tolist(), EPISODE.tolist(), rows, strict=True))
    file.write_text("\n".join([header, *(row for _, _, row in mixed)]) + "\n")
    demos = load_demonstrations(file)
    assert_read(demos)
    assert demos.notes == ("rows of several episodes were mixed: put in the order of the episodes",)


def test_one_episode(tmp_path: Path) -> None:
    for extra in ({"episode": np.zeros(12, int)}, {"t": np.arange(12)}, {"episode": np.zeros(12, int), "t": range(12)}):
        demos = load_demonstrations(written(tmp_path, following=None, done=None, **extra))
        assert [len(t) for t in demos] == [12]


def test_steps_that_count_nothing_are_ignored(tmp_path: Path) -> None:
    demos = load_demonstrations(written(tmp_path, step=np.zeros(12, int)))
    assert_read(demos)
    assert "ignored the column of steps, which does not count up" in demos.notes


def test_names_of_the_environments_own(tmp_path: Path) -> None:
    demos = load_demonstrations(written(tmp_path, obs="joint {}", following=None, episode=EPISODE))
    assert_read(demos, following=False)
    assert demos.notes == ("took the columns 'joint 0', 'joint 1', 'joint 2' as the observation",)
    assert not csv_table.sniff(
        Source(written(tmp_path, obs="x{}", following=None, reward="y", done=None, seed=EPISODE))
    )


def test_other_columns_are_named(tmp_path: Path) -> None:
    file = written(tmp_path, seed=EPISODE, action_log_prob=STEP, info=["a"] * 12)
    demos = load_demonstrations(file)
    assert_read(demos)
    assert demos.notes[-1] == "ignored 'seed', 'action_log_prob', 'info' of the table"


def test_an_index_without_a_name(tmp_path: Path) -> None:
    file = written(tmp_path, index=np.arange(12))
    file.write_text(file.read_text().replace("index", "", 1))
    demos = load_demonstrations(file)
    assert_read(demos)
    assert not any("column" in note for note in demos.notes)


def test_discrete_actions(tmp_path: Path) -> None:
    file = tmp_path / "demos.csv"
    file.write_text("obs_0,action,done\n0.5,1,0\n0.25,0,1\n0.5,2,0\n1.5,0,1\n")
    assert load_demonstrations(file).n_actions == 3
    assert csv_table.load(Source(file), Hints(act_dim=1)).n_actions is None
    file.write_text("obs_0,action,done\n0.5,1.0,0\n0.25,0.0,1\n")
    assert load_demonstrations(file).n_actions is None
    assert csv_table.load(Source(file), Hints(n_actions=4)).n_actions == 2
    file.write_text("obs_0,action,done\n0.5,-1,0\n0.25,0,1\n")
    assert load_demonstrations(file).n_actions is None


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    file = tmp_path / "demos.csv"
    file.write_text("obs_0,obs_2,action\n1,2,3\n")
    with pytest.raises(DemonstrationError, match="has the observations 'obs_0', 'obs_2'; expected one column for each"):
        load_demonstrations(file)


def golden(folder: Path) -> list[Golden]:
    made = []
    for number, delimiter in enumerate(",; \t"):
        (folder / str(number)).mkdir()
        made.append(Golden(written(folder / str(number), delimiter=delimiter, episode=EPISODE), trajectories=3))
    assert COLUMNS + ACTIONS == 5
    return made
