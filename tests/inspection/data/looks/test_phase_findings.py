from dataclasses import replace

import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.demos import Demonstrations, Trajectory
from rexd.inspection.data import exit_status, find
from rexd.inspection.data.looks.phases import phase_distance, phase_locked
from rexd.reading.load import load_demonstrations


def gaits(spread, count=4, steps=400, seed=0):
    """Gaits whose phases at the start differ by ``spread`` of a turn, after a start that is the same for all."""
    random = np.random.default_rng(seed)
    trajectories = []
    for _ in range(count):
        phase = 2 * np.pi * spread * random.uniform() + 0.2 * np.arange(steps)
        rows = np.stack([np.sin(phase), np.cos(phase), np.sin(2 * phase)], axis=1)
        rows *= np.minimum(np.arange(steps) / 50, 1)[:, None]
        rows += 0.02 * random.normal(size=rows.shape)
        trajectories.append(Trajectory.from_steps(rows, rows[:, :1]))
    return Demonstrations(tuple(trajectories))


def test_independent_phases():
    assert phase_locked(gaits(1.0)) == []
    locked = [bool(phase_locked(gaits(1.0, steps=100, seed=seed))) for seed in range(100)]
    assert np.mean(locked) < 0.05


def test_two_may_agree_by_chance():
    (found,) = phase_locked(gaits(0.03).first(2))
    assert found.severity == "info"


def test_gaits_in_step():
    (found,) = phase_locked(gaits(0.03))
    assert (found.severity, found.code) == ("warning", "phase-locked")
    assert "times as far apart" in found.message
    assert "--subsample" in found.mend


def test_partly_in_step():
    (found,) = phase_locked(gaits(0.2, seed=1))
    assert found.severity == "info"


def test_subsampled_from_random_offsets():
    assert phase_locked(gaits(0.03).subsample(10)) == []


def test_too_little_to_tell():
    assert phase_distance(gaits(0.03).first(1)) is None
    assert phase_distance(oscillators(6, 20)) is None
    still = changed(oscillators(), lambda number, t: {"observations": 0 * t.observations})
    assert phase_distance(still) is None


def test_a_clock_is_no_phase():
    demos = gaits(1.0)
    ticking = tuple(
        replace(
            t,
            observations=np.column_stack([t.observations, np.arange(len(t))]),
            next_observations=np.column_stack([t.next_observations, np.arange(len(t)) + 1]),
        )
        for t in demos
    )
    assert np.isclose(phase_distance(replace(demos, trajectories=ticking)), phase_distance(demos))


@pytest.mark.parametrize("decay", [0.03, 0.1])
def test_trajectories_from_varied_starts_that_end_at_one_equilibrium(decay):
    random, trajectories = np.random.default_rng(0), []
    for _ in range(6):
        start = random.uniform(-1, 1, 3)
        rows = start * np.exp(-decay * np.arange(201))[:, None] + 1e-4 * random.normal(size=(201, 3))
        trajectories.append(Trajectory.from_steps(rows, -rows[:-1, :1] - 0.5 * rows[:-1, 1:2]))
    demos = Demonstrations(tuple(trajectories))
    assert phase_locked(demos) == []
    assert exit_status(find(demos)) == 0


def test_one_motion_that_is_repeated_from_one_start_is_in_step():
    random, trajectories = np.random.default_rng(0), []
    for _ in range(6):
        rows = np.exp(-0.03 * np.arange(201))[:, None] + 1e-4 * random.normal(size=(201, 3))
        trajectories.append(Trajectory.from_steps(rows, -rows[:-1, :1]))
    (found,) = phase_locked(Demonstrations(tuple(trajectories)))
    assert found.severity == "warning"


@pytest.mark.parametrize(
    ("name", "code"),
    [("experts/InvertedDoublePendulum-v5-sac.npz", None), ("red/Hopper-v2.pkl", "warning")],
)
def test_public_files(shared_data, name, code):
    found = phase_locked(load_demonstrations(shared_data / name))
    assert [finding.severity for finding in found] == ([code] if code else [])
