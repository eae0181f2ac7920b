"""Every real file is inspected with no option but the environment, and what it holds is counted right.

CartPole's text files of gail_ppo_tf say nothing of where trajectories begin, and these differ in length: they are found
where the position stops to follow from the velocity of the row before (``rexd.reading.rows.ends.unequal_length``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rexd.cli import main
from rexd.reading.load import load_demonstrations


@dataclass(frozen=True)
class Expected:
    """What a file holds.

    Attributes:
        lengths: Of the trajectories: one number for all, or (smallest, largest).
        actions: Columns, or for discrete actions minus their number.
        terminated: Trajectories that end in a terminal state, as far as the file tells.
        unknown: Transitions without a next observation.
        rewards: Whether there are any.
        notes: What is said of it, in order.
    """

    format: str
    trajectories: int
    lengths: int | tuple[int, int]
    transitions: int
    columns: int
    actions: int
    terminated: int
    unknown: int
    rewards: bool = True
    notes: tuple[str, ...] = ()


_RED = "pickled dict of 'observations' and 'actions'"
_TUPLES = "tuples of (state, action, ...), for each step or each trajectory"
_IMITATION = "imitation npz"
_REXD = "rexd npz"
_PATHS = "list of one dict for each trajectory (CS285)"
_EXPERT = "Stable-Baselines 2 ExpertDataset npz"
_SIDE = "pair of text tables, observations and actions (CSV)"
_RESET = ("the last next observation of 4 of 4 trajectories is the first observation of the next one",)
_CUT = ("inferred 4 trajectories of",)
_LIMIT = "all trajectories marked as done have {} steps, as a time limit makes them"
_GAIL = Expected(
    _SIDE, 20, (197, 200), 3997, 4, -2, 0, 20, False, ("inferred 20 trajectories: a position follows from the row",)
)

FILES = {
    "red/Ant-v2.pkl": Expected(_RED, 4, 1000, 4000, 111, 8, 0, 4, False, _CUT),
    "red/HalfCheetah-v2.pkl": Expected(_RED, 4, 1000, 4000, 17, 6, 0, 4, False, _CUT),
    "red/Hopper-v2.pkl": Expected(_RED, 4, 1000, 4000, 11, 3, 0, 4, False, _CUT),
    "red/Reacher-v2.pkl": Expected(_RED, 4, 50, 200, 11, 2, 0, 4, False, _CUT),
    "red/Walker2d-v2.pkl": Expected(_RED, 4, 1000, 4000, 17, 6, 0, 4, False, _CUT),
    "rl_algorithms/reacher_demo.pkl": Expected(
        _TUPLES, 100, 50, 5000, 11, 2, 99, 0, True, ("1 ends of trajectories are not marked", _LIMIT.format(50))
    ),
    "rl_algorithms/lunarlander_discrete_demo.pkl": Expected(_TUPLES, 23, (45, 462), 5000, 8, -4, 22, 0),
    "rl_algorithms/lunarlander_continuous_demo.pkl": Expected(_TUPLES, 25, (142, 276), 5000, 8, 2, 24, 0),
    "opolo/expert_data_no_img_Hopper_scores_3500_episodes_4.npz": Expected(
        _EXPERT, 4, 1000, 4000, 12, 3, 0, 4, True, _RESET
    ),
    "opolo/expert_data_no_img_HalfCheetah_scores_6000_episodes_4.npz": Expected(
        _EXPERT, 4, 1000, 4000, 18, 6, 0, 4, True, _RESET
    ),
    "imitation/cartpole_0_final.npz": Expected(
        _IMITATION, 57, (393, 500), 26964, 4, -2, 57, 0, True, ("ignored 'infos' of the file",)
    ),
    "imitation/pendulum_0_final.npz": Expected(
        _IMITATION, 56, 200, 11200, 3, 1, 56, 0, True, (_LIMIT.format(200), "ignored 'infos' of the file")
    ),
    "experts/BipedalWalker-v3-ppo.npz": Expected(_REXD, 4, (733, 765), 2971, 24, 4, 4, 0),
    "experts/CartPole-v1-ppo.npz": Expected(_REXD, 4, 500, 2000, 4, -2, 0, 0),
    "experts/HalfCheetah-v5-sac.npz": Expected(_REXD, 4, 1000, 4000, 17, 6, 0, 0),
    "experts/InvertedDoublePendulum-v5-sac.npz": Expected(
        _REXD, 4, 1000, 4000, 9, 1, 0, 0, True, ("recorded by rexd collect in InvertedDoublePendulum-v5",)
    ),
    "experts/LunarLander-v3-ppo.npz": Expected(_REXD, 4, (370, 413), 1566, 8, -4, 4, 0),
    "experts/MountainCar-v0-ppo.npz": Expected(_REXD, 4, (84, 114), 396, 2, -3, 4, 0),
    "experts/MountainCarContinuous-v0-sac.npz": Expected(_REXD, 4, (77, 150), 420, 2, 1, 4, 0),
    "experts/Walker2d-v5-sac.npz": Expected(_REXD, 4, 1000, 4000, 17, 6, 0, 0),
    "experts/door-v0_demos.pickle": Expected(
        _PATHS, 25, (223, 300), 6729, 39, 28, 0, 25, True, ("ignored 'init_state_dict' of each trajectory",)
    ),
    "experts/expert_data_no_img_Humanoid_scores_6000_episodes_1.npz": Expected(
        _EXPERT, 1, 1000, 1000, 377, 17, 0, 0, True
    ),
    "experts/expert_data_no_img_InvertedDoublePendulum_scores_9100_episodes_4.npz": Expected(
        _EXPERT, 4, 1000, 4000, 11, 1, 0, 4, True, _RESET
    ),
    "gail_ppo_tf/observations.csv": _GAIL,
    "gail_ppo_tf/actions.csv": _GAIL,
    "gail_ppo_tf": _GAIL,
}

ENVIRONMENTS = {
    "red/HalfCheetah-v2.pkl": ("HalfCheetah-v5", 0),
    "red/Hopper-v2.pkl": ("Hopper-v5", 0),
    "red/Walker2d-v2.pkl": ("Walker2d-v5", 0),
    "imitation/cartpole_0_final.npz": ("CartPole-v1", 42),
    "imitation/pendulum_0_final.npz": ("Pendulum-v1", 0),
    "gail_ppo_tf/observations.csv": ("CartPole-v1", 0),
}
"""Those whose columns are an environment's, and how many trajectories a terminal state ended."""


Inspect = Callable[..., dict[str, Any]]


@pytest.fixture
def inspect(capsys: pytest.CaptureFixture[str]) -> Inspect:
    """``rexd inspect ... --json``."""

    def call(*words: str) -> dict[str, Any]:
        main(["inspect", *words, "--json"])  # its status tells findings: 0, 1 or 2
        out, err = capsys.readouterr()
        assert out, err
        return json.loads(out)  # type: ignore[no-any-return]

    return call


def test_no_file_is_left_out(shared_data: Path) -> None:
    found = {str(path.relative_to(shared_data)) for path in shared_data.rglob("*") if path.is_file()}
    data = {name for name in found if not Path(name).name.startswith(("LICENSE", "README.md"))}
    assert data == set(FILES) - {"gail_ppo_tf"}


@pytest.mark.parametrize("name", FILES)
def test_without_an_option(shared_data: Path, inspect: Inspect, name: str) -> None:
    found, expected = inspect(str(shared_data / name)), FILES[name]
    lengths = expected.lengths if isinstance(expected.lengths, tuple) else (expected.lengths, expected.lengths)
    assert found["format"] == expected.format
    assert (found["trajectories"], found["transitions"]) == (expected.trajectories, expected.transitions)
    assert (min(found["lengths"]), max(found["lengths"])) == lengths
    assert found["observations"]["columns"] == expected.columns
    discrete = expected.actions < 0
    assert found["actions"]["columns"] == (None if discrete else expected.actions)
    assert found["actions"]["count"] == (-expected.actions if discrete else None)
    assert found["terminated"] == expected.terminated
    assert found["next_observations_missing"] == expected.unknown
    assert (found["returns"] is not None) == expected.rewards
    for note, begins in zip(found["notes"], expected.notes, strict=True):
        assert note.startswith(begins)


@pytest.mark.filterwarnings("ignore")  # the simulator's own
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_with_the_environment(shared_data: Path, inspect: Inspect, name: str) -> None:
    pytest.importorskip("mujoco")
    env, terminated = ENVIRONMENTS[name]
    found = inspect(str(shared_data / name), "--env", env)
    assert (found["trajectories"], found["transitions"]) == (FILES[name].trajectories, FILES[name].transitions)
    assert found["terminated"] == terminated
    assert found["outside_action_space"] is not None or FILES[name].actions < 0


def test_the_length_may_be_said(shared_data: Path) -> None:
    demos = load_demonstrations(shared_data / "red" / "Hopper-v2.pkl", episode_length=1000)
    assert len(demos) == 4
