"""A stride that meets the period of a limit cycle is found, and a stride that shows all of it is proposed."""

import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest

from rexd.cli import main
from rexd.demos import Demonstrations, Trajectory
from rexd.inspection.data.strides import stride_findings, subsampled_findings
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations

OPOLO = "opolo/expert_data_no_img_"


def cycle(period, count=4, steps=500, wander=0.0, columns=6, seed=0):
    """States that come back after ``period`` steps, each phase at its own place; ``wander`` makes the phase drift."""
    random = np.random.default_rng(seed)
    if period < 20:
        places = random.normal(size=(period, columns))
        path = lambda phase: places[np.round(phase).astype(int) % period]  # noqa: E731
    else:
        waves = 2 * np.pi * np.arange(1, columns // 2 + 1) / period
        path = lambda phase: np.concatenate([np.sin(np.outer(phase, waves)), np.cos(np.outer(phase, waves))], 1)  # noqa: E731
    trajectories = []
    for _ in range(count):
        phase = random.integers(0, period) + np.arange(steps + 1) + np.cumsum(wander * random.normal(size=steps + 1))
        rows = path(phase) + 1e-3 * random.normal(size=(steps + 1, columns))
        trajectories.append(Trajectory.from_steps(rows, np.tanh(rows[:-1, :2] + rows[:-1, 1:3])))
    return Demonstrations(tuple(trajectories))


@pytest.mark.parametrize(("period", "stride"), [(5, 20), (5, 5), (4, 18), (8, 20), (7, 14), (16, 20)])
def test_a_stride_that_meets_the_period(period, stride):
    demos = cycle(period, count=1)
    (found,) = stride_findings(demos, stride)
    assert (found.severity, found.code) == ("warning", "stride-meets-period")
    assert f"repeats itself every {period} steps" in found.message
    assert f"shows {period // math.gcd(period, stride)} of these {period} phases" in found.message
    proposed = int(found.mend.split()[1].rstrip(","))
    assert math.gcd(proposed, period) == 1
    assert abs(proposed - stride) <= 3
    assert stride_findings(demos, proposed) == []


def test_what_the_finding_says_holds_of_the_rows_that_are_taken():
    demos = cycle(5, count=1)
    few, all_phases = (demos.subsample(k, seed=0).trajectories[0].observations for k in (20, 19))
    assert np.ptp(few, axis=0).max() < 0.01
    assert np.ptp(all_phases, axis=0).max() > 1


@pytest.mark.parametrize(("period", "stride"), [(5, 19), (5, 21), (5, 1), (7, 20), (8, 15)])
def test_a_stride_without_a_common_factor(period, stride):
    assert stride_findings(cycle(period), stride) == []


def test_many_trajectories_show_all_phases_together():
    assert len(stride_findings(cycle(5, count=2), 20)) == 1
    assert stride_findings(cycle(5, count=16), 20) == []


def test_demonstrations_that_were_subsampled_say_it_of_themselves():
    demos = cycle(5, count=2)
    assert subsampled_findings(demos.subsample(20)) == stride_findings(demos, 20)
    assert subsampled_findings(demos.subsample(20, offset=3)) != []
    assert subsampled_findings(cycle(5, count=3).first(2).subsample(20)) == stride_findings(demos, 20)
    assert subsampled_findings(demos) == subsampled_findings(demos.subsample(19)) == []


def test_rows_that_are_not_known_any_more_tell_nothing():
    thinned = cycle(5, count=2).subsample(20)
    assert subsampled_findings(replace(thinned, unused=())) == []
    assert subsampled_findings(thinned.subsample(2)) == []
    assert subsampled_findings(thinned.first(1)) == []


@pytest.mark.parametrize("stride", [10, 20, 25])
def test_a_gait_whose_phase_wanders_shows_all_of_its_cycle(stride):
    assert stride_findings(cycle(20, wander=0.3), stride) == []
    assert stride_findings(cycle(50, wander=0.3), stride) == []


def test_rows_without_a_period():
    random = np.random.default_rng(0)
    rows = [np.cumsum(random.normal(size=(301, 3)), axis=0) for _ in range(4)]
    walks = Demonstrations(tuple(Trajectory.from_steps(x, x[:-1, :1] * 0.1) for x in rows))
    still = Demonstrations(tuple(Trajectory.from_steps(0 * x, x[:-1, :1]) for x in rows))
    short = Demonstrations(tuple(Trajectory.from_steps(x[:4], x[:3, :1]) for x in rows))
    for demos in (walks, still, short):
        assert stride_findings(demos, 20) == []


def test_a_hundred_thousand_rows_take_a_second():
    demos = cycle(5, count=1, steps=100_000, columns=20)
    started = time.perf_counter()
    assert len(stride_findings(demos, 20)) == 1
    assert time.perf_counter() - started < 3  # a second, on a machine that does nothing else


@pytest.mark.parametrize(
    ("name", "columns", "proposed"),
    [
        ("experts/expert_data_no_img_InvertedDoublePendulum_scores_9100_episodes_4.npz", slice(0, 11), 19),
        (f"{OPOLO}HalfCheetah_scores_6000_episodes_4.npz", slice(0, 17), 19),
        (f"{OPOLO}Hopper_scores_3500_episodes_4.npz", slice(0, 11), None),
        ("experts/HalfCheetah-v5-sac.npz", None, None),
        ("experts/Walker2d-v5-sac.npz", None, None),
        ("experts/InvertedDoublePendulum-v5-sac.npz", None, None),
        ("red/Hopper-v2.pkl", None, None),
        ("red/HalfCheetah-v2.pkl", None, None),
        ("red/Walker2d-v2.pkl", None, None),
        ("red/Ant-v2.pkl", slice(0, 27), None),
        ("red/Reacher-v2.pkl", slice(0, 10), None),
    ],
)
def test_every_twentieth_row_of_public_files(shared_data, name, columns, proposed):
    demos = load_demonstrations(shared_data / name, columns=columns, episode_length=1000 if "Ant" in name else None)
    for seed in range(3):
        found = stride_findings(demos, 20, seed)
        assert [finding.mend.split(",")[0] for finding in found] == ([f"--subsample {proposed}"] if proposed else [])


def test_inspect_and_fit_say_it(tmp_path, capsys):
    file = str(save_demonstrations(cycle(5, count=2), tmp_path / "cycle.npz"))
    main(["inspect", file, "--json"])
    assert "stride-meets-period" not in capsys.readouterr().out
    assert main(["inspect", file, "--subsample", "20", "--json"]) == 1
    found = {finding["code"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert found["stride-meets-period"]["mend"].startswith("--subsample 19")
    assert main(["inspect", file, "--subsample", "0"]) == 2
    assert "--subsample 0 keeps no row" in capsys.readouterr().err
    reward = str(tmp_path / "reward.safetensors")
    for stride, warned in (("20", True), ("19", False)):
        assert main(["fit", file, "-o", reward, "--subsample", stride, "--updates", "20", "--json"]) == 0
        assert ("repeats itself every 5 steps" in " ".join(capsys.readouterr().err.split())) == warned
