"""A table with named observations and no action."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from golden import Golden
from recorded import COLUMNS, LENGTHS, flat

from rexd.demos.states_alone import NOTE
from rexd.errors import DemonstrationError
from rexd.reading.load import load_demonstrations

EPISODE = np.repeat(np.arange(len(LENGTHS)), LENGTHS)


def written(folder: Path, name: str = "states.csv", **extra: np.ndarray) -> Path:
    columns = {f"obs_{n}": flat()["observations"][:, n].astype(float) for n in range(COLUMNS)}
    columns |= {"episode": EPISODE, **extra}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def golden(folder: Path) -> list[Golden]:
    """Return a table with the numbers of episodes."""
    return [Golden(written(folder), len(LENGTHS))]


def test_a_table_of_states(tmp_path: Path) -> None:
    demos = load_demonstrations(written(tmp_path, reward=flat()["rewards"]))
    assert demos.lengths.tolist() == list(LENGTHS)
    assert not demos.has_actions
    assert NOTE in demos.notes
    np.testing.assert_allclose(demos.transitions().obs, flat()["observations"], rtol=1e-6)
    assert demos.returns is not None


def test_another_column_may_be_the_action(tmp_path: Path) -> None:
    with pytest.raises(DemonstrationError, match="which of them are the observation and which the action"):
        load_demonstrations(written(tmp_path, torque=np.linspace(-1, 1, len(EPISODE))))


def test_a_table_of_states_beside_one_of_actions_is_read_with_it(tmp_path: Path) -> None:
    columns = {f"obs_{n}": flat()["observations"][:, n].astype(float) for n in range(COLUMNS)}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (tmp_path / "observations.csv").write_text("\n".join(lines) + "\n")
    np.savetxt(tmp_path / "actions.csv", flat()["actions"], delimiter=",")
    demos = load_demonstrations(tmp_path / "observations.csv", episode_length=6)
    assert demos.act_dim == flat()["actions"].shape[1]
