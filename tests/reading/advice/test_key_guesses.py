"""The names that a user is told to expect, and the guesses at what others mean."""

from __future__ import annotations

import pytest

from rexd.reading.advice.key_guesses import expected_names

RENAME = "If they are what their names suggest, rename "


@pytest.mark.parametrize(
    ("names", "guess"),
    [
        (["expert_obs", "acs"], "'expert_obs' to 'observations' and 'acs' to 'actions'"),
        (["observatoins", "actions"], "'observatoins' to 'observations'"),
        (["obs", "ActionArray", "next_obs"], "'ActionArray' to 'actions'"),
        (["next_state_vector", "qpos", "ctrl"], "'qpos' to 'observations' and 'ctrl' to 'actions'"),
    ],
)
def test_the_nearest_name_is_proposed(names: list[str], guess: str) -> None:
    assert expected_names(names).endswith(f". {RENAME}{guess}")


@pytest.mark.parametrize("names", [["a", "b"], ["arr_0", "arr_1"], ["rewards", "dones"], [], [1, None]])
def test_nothing_is_guessed_where_nothing_is_near(names: list[object]) -> None:
    text = expected_names(names)
    assert text == (
        "expected observations as 'observations', 'observation', 'obs', 'states' or 'state' and actions as 'actions', "
        "'action', 'acts' or 'act'. Give the arrays these names"
    )
