import numpy as np
import pytest
from circling import TINY, circling
from line_task import make_demonstrations

from rexd.demos.trajectory import Trajectory
from rexd.report.along import BIN, MANY, MOST, Along, binned, demonstrated_along, draw_along, played_along
from rexd.reward.red.red import RED

pytest.importorskip("matplotlib")


def along(name, paid, fell=False):
    return Along(name, np.arange(len(paid)), np.asarray(paid), fell)


def test_a_fall_is_marked_and_told():
    picture = draw_along("Along", [along("episode 0", [0.5] * 30), along("episode 1", [0.5] * 27 + [0.1] * 3, True)])
    assert "1 of 2 end in a terminal state (×)" in picture.words
    assert "In 1 the last tenth is paid less than half of the mean" in picture.words
    upper, lower = picture.figure.axes
    assert len(upper.lines) == 1
    assert [line.get_marker() for line in lower.lines] == [".", "None", "X"]
    assert lower.lines[-1].get_xydata().tolist() == [[29.0, 0.1]]
    assert lower.get_title("left").endswith("ends in a terminal state")


def test_time_is_that_of_the_episode():
    demos = circling(trajectories=2, steps=40).subsample(4, offset=1)
    paid = np.linspace(0, 1, demos.n_transitions)
    first, second = demonstrated_along(demos, paid)
    assert first.steps[:3].tolist() == [1, 5, 9]
    np.testing.assert_array_equal(np.concatenate([first.paid, second.paid]), paid)
    picture = draw_along("Along", [first])
    assert "Rows were left out, among which may be ends." in picture.words
    drawn = picture.figure.axes[0].lines[0]
    np.testing.assert_array_equal(drawn.get_xdata(), first.steps)


def test_the_first_few_are_drawn_and_all_are_counted():
    picture = draw_along("Along", [along(f"trajectory {k}", [0.1 * k]) for k in range(10)])
    assert len(picture.figure.axes) == MOST
    assert "10 trajectories, of which the first 8 are drawn: the mean of each is 0.000 to 0.900 a step" in picture.words
    assert "None ends in a terminal state." in picture.words


def test_many_rows_are_drawn_as_means_within_a_band():
    paid = np.tile([0.0, 1.0], MANY)
    steps, low, mean, high = binned(np.arange(2 * MANY), paid)
    assert len(steps) == 2 * MANY // BIN
    assert (low == 0).all()
    assert (high == 1).all()
    np.testing.assert_allclose(mean, 0.5)
    panel = draw_along("Along", [along("episode 0", paid)]).figure.axes[0]
    assert len(panel.collections) == 1
    np.testing.assert_allclose(panel.lines[0].get_ydata(), 0.5)


def test_rewards_beyond_one_have_an_axis_of_their_own():
    assert draw_along("Along", [along("episode 0", [-3.0, 40.0])]).figure.axes[0].get_ylim()[1] > 40
    assert draw_along("Along", [along("episode 0", [0.2, 0.3])]).figure.axes[0].get_ylim() == (-0.03, 1.03)


def test_episodes_are_paid_by_the_model_or_by_the_environment():
    demos = make_demonstrations(count=2, steps=20)
    model = RED(**TINY).fit(demos)
    learned, true = played_along(demos, model), played_along(demos, None)
    rows = demos.trajectories[1]
    np.testing.assert_array_equal(learned[1].paid, model.predict(rows.observations, rows.actions, step=rows.steps))
    np.testing.assert_array_equal(true[1].paid, rows.rewards)
    ending = Trajectory.from_steps(np.zeros((3, 1)), np.zeros((2, 1)), terminated=True)
    assert played_along([ending], None) == []
    assert Along.of("one", ending, np.zeros(2)).fell
