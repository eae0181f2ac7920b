import numpy as np
import pytest
from circling import CONSTANT, circling

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import RexdError
from rexd.report.plane import MOST, Cloud, plane_of, plane_picture

pytest.importorskip("matplotlib")


def stretched(names=()):
    """Columns of which the first two move together, the third on its own and the last never."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 500))
    obs = np.stack([one, 3 * one + 0.01 * other, other, np.full(500, 7.0)], axis=1)
    return Demonstrations((Trajectory.from_steps(obs, np.zeros((500, 1))),), column_names=names)


def test_components_are_those_along_which_rows_spread():
    plane = plane_of(stretched(), None)
    assert plane.names == ("component 1 (67% of the variance)", "component 2 (33% of the variance)")
    obs = stretched().transitions().obs
    placed = plane.place(obs)
    assert abs(np.corrcoef(placed[:, 0], obs[:, 0])[0, 1]) > 0.999
    assert abs(np.corrcoef(placed[:, 1], obs[:, 2])[0, 1]) > 0.999
    np.testing.assert_allclose(placed.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_array_equal(plane.axes[3], 0)
    np.testing.assert_array_equal(plane.axes, plane_of(stretched(), None).axes)


def test_columns_are_chosen_by_number_or_by_name():
    demos = stretched(("a", "b", "2", "d"))
    plane = plane_of(demos, ("b", "0"))
    assert plane.names == ("b", "a")
    np.testing.assert_array_equal(plane.place(demos.transitions().obs), demos.transitions().obs[:, [1, 0]])
    assert plane_of(demos, ("2", "3")).names == ("2", "d")
    assert plane_of(stretched(), ("3", "1")).names == ("observation[3]", "observation[1]")
    with pytest.raises(RexdError, match="--columns-xy names '4'; expected a number from 0 to 3, or one of a, b, 2, d"):
        plane_of(demos, ("4", "0"))


def test_there_is_no_plane_where_fewer_than_two_columns_vary():
    obs = np.zeros((20, 3))
    obs[:, 1] = np.arange(20)
    assert plane_of(Demonstrations((Trajectory.from_steps(obs, np.zeros((20, 1))),)), None) is None


def test_clouds_are_told_in_words():
    demos = circling()
    obs = demos.transitions().obs
    plane = plane_of(demos, None)
    assert not plane.axes[CONSTANT].any()
    paid = np.full(len(obs), 0.75)
    picture = plane_picture(plane, [Cloud("demonstrations", obs, paid), Cloud("policy", obs + 1, paid / 3)])
    assert "demonstrations: 160 rows, paid 0.75 in the middle, nine tenths of them 0.75 to 0.75" in picture.words
    assert "policy: 160 rows, paid 0.25" in picture.words
    panel = picture.figure.axes[0]
    assert [len(dots.get_offsets()) for dots in panel.collections] == [160, 160]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["demonstrations", "policy"]


def test_many_rows_are_thinned_and_none_needs_a_reward():
    demos = circling(steps=1000)
    obs = demos.transitions().obs
    picture = plane_picture(plane_of(demos, None), [Cloud("demonstrations", obs, None)])
    assert len(picture.figure.axes[0].collections[0].get_offsets()) == MOST
    assert picture.words.endswith("demonstrations: 4,000 rows.")
    assert len(picture.figure.axes) == 1  # no bar of colours
