from dataclasses import replace

import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.inspection.data import find
from rexd.inspection.data.looks.copied_actions import copied_actions
from rexd.inspection.mends.values import drop_columns
from rexd.reading.environment_facts import EnvironmentFacts


def with_column(demos, make):
    """Put one more column behind the others; ``make`` gives it, one value longer than the trajectory."""

    def add(number, t):
        column = make(number, t).astype(np.float32)[:, None]
        return {
            "observations": np.concatenate([t.observations, column[:-1]], axis=1),
            "next_observations": np.concatenate([t.next_observations, column[1:]], axis=1),
        }

    return changed(demos, add)


def same_row(number, t):
    return np.append(t.actions[:, 1], 0.0)


def row_before(number, t):
    return np.append(0.0, t.actions[:, 1])


def test_good_data():
    assert copied_actions(False)(oscillators()) == []


def test_an_action_of_the_same_row():
    demos = with_column(oscillators(), same_row)
    for known in (False, True):
        (found,) = copied_actions(known)(demos)
        assert (found.severity, found.code) == ("warning", "copied-action")
        assert "observation column 4 is action column 1 in the same row" in found.message
        assert found.mend == "rexd convert --drop-columns 4"
    assert copied_actions(False)(drop_columns(demos, [4])) == []


def test_all_actions_among_the_observations():
    demos = with_column(with_column(oscillators(), lambda number, t: np.append(t.actions[:, 0], 0.0)), same_row)
    (found,) = copied_actions(False)(demos)
    assert "observation columns 4:6 are action columns 0:2 in the same row" in found.message
    assert "copies it" in found.message


def test_an_action_of_the_row_before_depends_on_the_environment():
    demos = with_column(oscillators(), row_before)
    (found,) = copied_actions(False)(demos)
    assert (found.severity, found.code) == ("warning", "copied-action")
    assert "observation column 4 is action column 1 of the row before" in found.message
    assert "unless the environment shows it too" in found.mend

    class Space:
        shape = (5,)

    (found,) = find(demos, EnvironmentFacts(Space(), None, None))
    assert (found.severity, found.code, found.mend) == ("info", "copied-action", "")
    Space.shape = (4,)
    (found,) = find(demos, EnvironmentFacts(Space(), None, None))
    assert found.severity == "warning"


def test_rounding_does_not_hide_a_copy():
    demos = with_column(oscillators(), same_row)
    wide = changed(demos, lambda number, t: {"actions": t.actions.astype(np.float64) * (1 + 1e-8)})
    assert len(copied_actions(False)(wide)) == 1


def test_one_row_that_differs_is_no_copy():
    def almost(number, t):
        column = same_row(number, t)
        column[70 if number == 3 else -1] += 0.01
        return column

    assert copied_actions(False)(with_column(oscillators(), almost)) == []


@pytest.mark.parametrize("values", [np.sign, np.zeros_like, lambda a: np.round(3 * a)])
def test_columns_of_few_values_agree_by_chance(values):
    few = changed(oscillators(), lambda number, t: {"actions": values(t.actions)})
    assert copied_actions(False)(with_column(few, same_row)) == []


def test_thinned_rows_have_no_row_before():
    demos = with_column(oscillators(), row_before).subsample(5)
    assert copied_actions(False)(demos) == []
    assert len(copied_actions(False)(with_column(oscillators(), same_row).subsample(5))) == 1


def test_discrete_actions_are_not_compared():
    discrete = changed(oscillators(), lambda number, t: {"actions": np.arange(len(t)) % 20})
    demos = with_column(replace(discrete, n_actions=20), lambda number, t: np.arange(len(t) + 1) % 20)
    assert copied_actions(False)(demos) == []
