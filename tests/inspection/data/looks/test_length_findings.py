from oscillators import oscillators

from rexd.demos import Demonstrations
from rexd.inspection.data import find
from rexd.inspection.data.looks.lengths import early_failures, short_trajectories


def of(*lengths, fallen=()):
    return Demonstrations(
        tuple(oscillators(1, n, seed=k).trajectories[0] for k, n in enumerate(lengths))
        + tuple(oscillators(1, n, seed=50 + k, terminated=True).trajectories[0] for k, n in enumerate(fallen))
    )


def test_like_lengths():
    for demos in (of(100), of(100, 100, 30), of(200, 45, 400), of(fallen=(100, 60, 200))):
        assert short_trajectories(demos) == early_failures(demos) == []


def test_a_trajectory_of_hardly_any_steps():
    (found,) = short_trajectories(of(100, 3, 100, 90))
    assert (found.severity, found.code) == ("warning", "short-trajectories")
    assert "1 of 4" in found.message
    assert "trajectory 1" in found.message
    assert short_trajectories(of(100, 90, 3))[0].mend == "--trajectories 2"


def test_very_different_lengths():
    (found,) = short_trajectories(of(10, 50, 60, 600))
    assert (found.severity, found.code) == ("info", "different-lengths")


def test_an_expert_that_fell():
    demos = of(1000, 1000, 1000, fallen=(300,))
    (found,) = early_failures(demos)
    assert (found.severity, found.code, found.mend) == ("warning", "early-failure", "--trajectories 3")
    assert "early-failure" in {f.code for f in find(demos)}
