from dataclasses import replace

import numpy as np
import pytest
from measured import Fake, scored, sight

from rexd.diagnosis.ladder import state_noise
from rexd.report.reward_pictures import BINS, calibration_picture, ladder_picture, probe_rows, separation_picture
from rexd.reward.checks import RANDOM_ACTIONS, RANDOM_POLICY

pytest.importorskip("matplotlib")


def test_the_curve_is_that_of_the_reward():
    model = Fake()
    picture = calibration_picture(model, 1.0)
    upper, lower = picture.figure.axes
    novelty, pays = upper.lines[0].get_data()
    np.testing.assert_allclose(pays, 1 / (1 + novelty), rtol=1e-4)
    assert novelty[0] <= 0.5 / 3
    assert novelty[-1] >= 90.0  # beyond three times L₀
    dots = upper.lines[1]
    np.testing.assert_allclose(dots.get_xdata(), np.quantile(model.held_out_novelty_, (0.05, 0.5, 0.95)))
    assert "50% quantile (1.000 ℓ, paid 0.50)" in picture.words
    assert "L₀, the scale of rows that are not the expert's, lies at 30.0 ℓ" in picture.words
    assert lower.lines[0].get_ydata()[-1] == 1.0


def test_an_assumed_end_of_the_scale_is_said():
    model = Fake()
    assert "assumed" not in calibration_picture(model, 1.0).words
    model.calibration_ = replace(model.calibration_, near=5.0)
    assert "It is assumed, and half of the reward ends at 5.000 ℓ." in calibration_picture(model, 1.0).words


def test_probes_and_ladders_are_two_pictures():
    found = sight(scored(RANDOM_POLICY, 0.1, auroc=0.99), scored(state_noise(0.3), [0.4, 0.5], auroc=0.7, novelty=3.0))
    apart, ladder = separation_picture(found), ladder_picture(found)
    assert f"{RANDOM_POLICY}: AUROC 0.99, median 20.0 ℓ, reward 0.10" in apart.words
    assert "noise" not in apart.words
    assert "states with noise of 0.3 sd: AUROC 0.70, median 3.000 ℓ, reward 0.45" in ladder.words
    for picture in (apart, ladder):
        (panel,) = picture.figure.axes
        own, other = (patch.get_data() for patch in panel.patches)
        assert len(own.values) == BINS
        assert own.values.sum() == pytest.approx(1)  # shares of all rows, none of which lies outside
        assert other.values.sum() == pytest.approx(1)
        assert own.values.argmax() < other.values.argmax()


def test_there_is_no_picture_of_nothing():
    assert separation_picture(sight()) is None
    assert ladder_picture(sight(scored(RANDOM_ACTIONS, 0.2))) is None


def test_rows_of_the_table():
    apart = {"auroc": 0.987, "low": 0.9, "high": 1.0, "accepted": 0.034}
    probe = {"name": "a", "rows": 1200, "reward": 0.25, "novelty": 12.0, "separation": apart}
    plain = {"name": "b", "rows": 3, "reward": 0.5, "novelty": None, "separation": None}
    assert probe_rows([probe, plain]) == [
        ("a", "1,200", "0.250", "12.0", "0.99 [0.90, 1.00]", "3%"),
        ("b", "3", "0.500", "", "", ""),
    ]
