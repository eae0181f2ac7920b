"""Observations and actions in text files side by side."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from golden import Golden
from numpy.typing import NDArray
from recorded import LENGTHS, STEPS, assert_read, flat

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import csv_pair
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints


def write(file: Path, rows: NDArray[np.generic], delimiter: str = " ", header: str = "") -> Path:
    rows = rows.reshape(len(rows), -1)
    lines = [delimiter.join(map(str, row)) for row in rows.astype(float if rows.dtype.kind == "f" else int).tolist()]
    file.write_text("\n".join([header, *lines] if header else lines) + "\n")
    return file


def pair(
    folder: Path, names: tuple[str, str] = ("observations.csv", "actions.csv"), delimiter: str = " "
) -> list[Path]:
    folder.mkdir(exist_ok=True)
    columns = flat()
    return [
        write(folder / name, columns[role], delimiter)
        for name, role in zip(names, ("observations", "actions"), strict=True)
    ]


@pytest.mark.parametrize("delimiter", [" ", ",", ";", "\t"])
@pytest.mark.parametrize(
    "names",
    [
        ("observations.csv", "actions.csv"),
        ("obs.csv", "acts.csv"),
        ("hopper_states_1.txt", "hopper_actions_1.txt"),
        ("expert-Obs.TSV", "expert-Act.TSV"),
    ],
)
def test_either_file_or_the_folder(tmp_path: Path, names: tuple[str, str], delimiter: str) -> None:
    files = pair(tmp_path, names, delimiter)
    for path in (*files, tmp_path):
        demos = load_demonstrations(path, episode_length=6)
        assert [len(t) for t in demos] == [6, 6]
        np.testing.assert_array_equal(np.concatenate([t.observations for t in demos]), flat()["observations"])
        np.testing.assert_array_equal(np.concatenate([t.actions for t in demos]), flat()["actions"])


def test_rewards_ends_and_headers(tmp_path: Path) -> None:
    pair(tmp_path)
    write(tmp_path / "observations.csv", flat()["observations"], ",", header="angle,speed,height")
    write(tmp_path / "rewards.csv", flat()["rewards"])
    write(tmp_path / "dones.csv", flat()["dones"])
    write(tmp_path / "next_observations.csv", flat()["next_observations"])
    demos = load_demonstrations(tmp_path)
    assert_read(demos)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("lengths", np.array(LENGTHS)),
        ("episode_starts", np.isin(np.arange(STEPS), [0, 4, 7])),
        ("episode_starts", np.array([0, 4, 7])),
    ],
)
def test_lengths_and_starts(tmp_path: Path, name: str, values: NDArray[np.generic]) -> None:
    pair(tmp_path)
    write(tmp_path / f"{name}.csv", values)
    assert_read(load_demonstrations(tmp_path / "actions.csv"), ends=False, following=False, rewards=False)


def test_discrete_actions(tmp_path: Path) -> None:
    pair(tmp_path)
    write(tmp_path / "actions.csv", np.arange(STEPS) % 2)
    assert load_demonstrations(tmp_path, episode_length=6).n_actions == 2
    assert csv_pair.load(Source(tmp_path), Hints(episode_length=6, act_dim=1)).n_actions is None


def test_different_numbers_of_rows_are_named(tmp_path: Path) -> None:
    pair(tmp_path)
    write(tmp_path / "actions.csv", flat()["actions"][:-2])
    with pytest.raises(DemonstrationError, match=r"observations\.csv: has 12 rows, and actions\.csv beside it 10"):
        load_demonstrations(tmp_path)


def test_the_final_observation_of_one_trajectory(tmp_path: Path) -> None:
    pair(tmp_path)
    write(tmp_path / "actions.csv", flat()["actions"][:-1])
    (only,) = load_demonstrations(tmp_path)
    np.testing.assert_array_equal(only.next_observations, flat()["observations"][1:])
    assert only.next_known.all()


def test_a_file_alone_is_no_pair(tmp_path: Path) -> None:
    observations, actions = pair(tmp_path)
    actions.rename(tmp_path / "other_actions.csv")
    assert not csv_pair.sniff(Source(observations))
    assert not csv_pair.sniff(Source(tmp_path))


def test_two_pairs_in_a_folder_are_both_read(tmp_path: Path) -> None:
    pair(tmp_path)
    files = pair(tmp_path, ("hopper_obs.csv", "hopper_act.csv"))
    assert csv_pair.sniff(Source(files[0]))
    assert not csv_pair.sniff(Source(tmp_path))  # neither pair alone stands for the folder
    assert load_demonstrations(tmp_path).lengths.tolist() == [STEPS, STEPS]


def test_one_more_observation_than_actions(tmp_path: Path) -> None:
    pair(tmp_path)
    write(tmp_path / "actions.csv", flat()["actions"][:-1])
    (t,) = load_demonstrations(tmp_path)
    np.testing.assert_array_equal(t.next_observations, flat()["observations"][1:])


def test_links_that_lead_elsewhere_are_not_beside(tmp_path: Path) -> None:
    observations, actions = pair(tmp_path / "here")
    elsewhere = tmp_path / "elsewhere.csv"
    actions.rename(elsewhere)
    os.symlink(elsewhere, actions)
    assert not csv_pair.sniff(Source(observations))
    assert not csv_pair.sniff(Source(tmp_path / "here"))


def test_damage_raises_rexd_errors_only(tmp_path: Path) -> None:
    observations, _ = pair(tmp_path)
    honest = observations.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        changed = bytearray(honest)
        for position in rng.integers(0, len(honest), 3):
            changed[position] = rng.integers(256)
        observations.write_bytes(bytes(changed)[: int(rng.integers(1, len(honest) + 1))])
        for path in (observations, tmp_path):
            try:
                load_demonstrations(path, episode_length=6)
            except DemonstrationError:
                continue


def test_real_files(shared_data: Path) -> None:
    folder = shared_data / "gail_ppo_tf"
    found = [load_demonstrations(path) for path in (folder, folder / "observations.csv", folder / "actions.csv")]
    assert len({demos.sha256 for demos in found}) == 1


def golden(folder: Path) -> list[Golden]:
    """Return folders only: the tests of all formats rename files, but in a pair the names tell what each file holds."""
    pair(folder / "spaces")
    pair(folder / "commas", ("obs.txt", "acts.txt"), ",")
    half = Hints(episode_length=STEPS // 2)
    return [Golden(folder / name, trajectories=2, hints=half) for name in ("spaces", "commas")]
