import numpy as np
import pytest

from rexd.report.learning import Curve, learning_pictures

pytest.importorskip("matplotlib")


def curve(name, returns, steps=None, **evaluation):
    steps = steps or [100 * (k + 1) for k in range(len(returns))]
    records = [
        {"steps": step, "learned_return": value, "true_return": 10 * value}
        for step, value in zip(steps, returns, strict=True)
    ]
    return Curve(name, records, evaluation or None)


def labels(picture):
    return [text.get_text() for text in picture.figure.axes[0].get_legend().get_texts()]


LEVELS = {"clone": {"true": {"mean": 5.0}, "learned": {"mean": 0.5}}, "demonstrations": {"learned": {"mean": 4.0}}}


def test_one_run_beside_demonstrations_and_clone():
    learned, true = learning_pictures([curve("a", [1.0, 3.0, 2.0], **LEVELS)], [30.0, 50.0])
    assert labels(learned) == labels(true) == ["policy", "demonstrations", "clone"]
    assert "a: 1.000 at step 100, 2.000 at step 300, at most 3.000 at step 200" in learned.words
    assert "The demonstrations earn 4.000. The clone earns 0.500." in learned.words
    assert "The demonstrations earn 40.0. The clone earns 5.000." in true.words
    assert not learned.figure.axes[0].collections  # no band of one run


def test_several_seeds_are_a_band_at_the_steps_that_they_share():
    curves = [curve("a", [1.0, 2.0, 3.0]), curve("b", [3.0, 6.0], steps=[100, 300])]
    learned, _ = learning_pictures(curves, None)
    panel = learned.figure.axes[0]
    assert labels(learned) == ["mean of 2 runs"]
    (band,) = panel.collections
    corners = band.get_paths()[0].vertices
    assert {tuple(corner) for corner in corners} >= {(100.0, 1.0), (100.0, 3.0), (300.0, 3.0), (300.0, 6.0)}
    thick = max(panel.lines[:-1], key=lambda line: line.get_linewidth())
    np.testing.assert_array_equal(thick.get_ydata(), [2.0, 4.5])
    assert "The band reaches from the least to the greatest of the runs" in learned.words


def test_runs_that_share_no_steps_are_drawn_without_a_band():
    learned, _ = learning_pictures([curve("a", [1.0, 2.0]), curve("b", [3.0, 6.0], steps=[7, 9])], None)
    assert not learned.figure.axes[0].collections
    assert "band" not in learned.words


def test_what_was_not_measured_is_not_drawn():
    (true,) = learning_pictures([Curve("a", [{"steps": 5, "learned_return": None, "true_return": 2.0}], None)], None)
    assert true.title == "Learning curve: true return"
    assert learning_pictures([Curve("a", [], None)], None) == []
