"""What a run is compared with, and that the comparison changes nothing of it."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sbx")

import torch
from safetensors.numpy import load_file
from steering import CONFIG, LENGTH, demonstrations, steer

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.evaluation.evaluate import evaluate
from rexd.rl.policies.cloning import clone
from rexd.rl.training import board
from rexd.rl.training.comparison import Comparison, learned_returns
from rexd.rl.training.run_folder import CHECKPOINT_FILE, load_checkpoint
from rexd.rl.training.train import train

SETTINGS = replace(CONFIG, warm_start=30, steps=80, actor_starts=10, actor_ramp=10)


class PaysColumn:
    """A reward that is the first action of each row."""

    def predict_demonstrations(self, demos):
        return demos.transitions().act[:, 0].astype(np.float32)


def counted(length, first=0, terminated=True):
    """A trajectory that earns 0, 1, 2 ... in its steps."""
    actions = np.arange(length, dtype=np.float32)[:, None]
    return Trajectory.from_steps(np.zeros((length + 1, 2), np.float32), actions, terminated=terminated)


def test_a_whole_trajectory_s_learned_return_is_the_sum_of_its_rewards():
    demos = Demonstrations((counted(5), counted(9, terminated=False)))
    assert learned_returns(demos, PaysColumn()) == [10.0, 36.0]


@pytest.mark.parametrize("seed", range(3))
def test_thinned_trajectories_are_scaled_to_their_whole_length(seed):
    """The mean reward of the rows that are left, times a length that is known to half an interval."""
    length, k = 1000, 20
    whole = Demonstrations(tuple(counted(length) for _ in range(4)))
    thin = whole.subsample(k, seed=seed)
    for found, trajectory in zip(learned_returns(thin, PaysColumn()), thin, strict=True):
        assert found / trajectory.actions.mean() == pytest.approx(length, abs=k / 2)
        assert found == pytest.approx(length * (length - 1) / 2, rel=2 * k / length)


def test_the_length_is_exact_where_the_last_row_was_kept():
    thin = Demonstrations((counted(13),)).subsample(4, offset=0)  # rows 0, 4, 8, 12
    assert learned_returns(thin, PaysColumn()) == [pytest.approx(6.0 * 13)]


def test_a_single_row_counts_as_it_is():
    thin = Demonstrations((counted(4),)).subsample(4, offset=2)
    assert learned_returns(thin, PaysColumn()) == [2.0]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run twice: with its comparison, and without."""
    folder = tmp_path_factory.mktemp("comparison")
    patch = pytest.MonkeyPatch()
    patch.setattr(board, "LOSSES_EVERY", 16)
    compared = train(demonstrations(), env="Steer-v0", out=folder / "compared", config=SETTINGS)
    patch.setattr(Comparison, "evaluate_clone", lambda self, policy: None)
    alone = train(demonstrations(), env="Steer-v0", out=folder / "alone", config=SETTINGS)
    patch.undo()
    return compared, alone


def test_the_comparison_changes_no_bit_of_the_run(runs):
    compared, alone = runs
    expected, found = (load_file(run.path / CHECKPOINT_FILE) for run in (alone, compared))
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name].tobytes() != expected[name].tobytes()] == []
    assert [dict(r, seconds=0) for r in compared.metrics()] == [dict(r, seconds=0) for r in alone.metrics()]
    assert compared.evaluation["episodes"] == alone.evaluation["episodes"]
    assert "clone" not in alone.evaluation


def test_the_clone_is_the_policy_before_the_first_step(runs):
    found = runs[0].evaluation["clone"]
    bounds = (np.float32([-2.0]), np.float32([1.0]))
    shown = demonstrations().clip_actions(*bounds)
    cloned = clone(shown, action_space=bounds, seed=SETTINGS.seed, updates=SETTINGS.warm_start)
    episodes = evaluate(steer, cloned, None, episodes=SETTINGS.final_episodes, seed=SETTINGS.seed).episodes
    assert [e["return"] for e in found["episodes"]] == pytest.approx([e.true_return for e in episodes], abs=1e-3)
    assert found["true"]["n"] == found["learned"]["n"] == SETTINGS.final_episodes
    assert load_checkpoint(runs[0].path)[1]["clone"] == found  # for a run that is resumed


def test_the_demonstrations_learned_return(runs):
    reward = runs[0].reward()
    found = runs[0].evaluation["demonstrations"]["learned"]
    rows = demonstrations().clip_actions(np.float32([-2.0]), np.float32([1.0])).transitions()
    expected = reward.predict(rows.obs, rows.act, rows.next_obs, rows.step).reshape(-1, LENGTH).sum(axis=1)
    assert found["n"] == len(expected) == 5
    assert found["mean"] == pytest.approx(expected.mean(), rel=1e-5)


def test_playing_the_clone_draws_nothing_from_global_generators(runs):
    before = torch.get_rng_state(), json.dumps(np.random.get_state()[1].tolist())  # noqa: NPY002
    run = runs[0]
    evaluate(steer, run.policy(), run.reward(), episodes=2, seed=0)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert json.dumps(np.random.get_state()[1].tolist()) == before[1]  # noqa: NPY002


def test_a_resumed_run_still_knows_its_clone(runs, tmp_path):
    import shutil

    shutil.copytree(runs[0].path, tmp_path / "run")
    (tmp_path / "run" / "evaluation.json").unlink()
    resumed = train(demonstrations(), env="Steer-v0", out=tmp_path / "run", config=SETTINGS, resume=True)
    assert resumed.evaluation["clone"] == runs[0].evaluation["clone"]
    assert resumed.evaluation["demonstrations"] == runs[0].evaluation["demonstrations"]


@pytest.mark.parametrize(
    ("settings", "kept"),
    [({"warm_start": 0}, {"demonstrations"}), ({"reward_source": "constant"}, set())],
)
def test_without_a_clone_there_is_none_to_compare_with(tmp_path, settings, kept):
    config = replace(SETTINGS, steps=8, algorithm="sb3-sac", **settings)
    found = train(demonstrations(), env="Steer-v0", out=tmp_path / "run", config=config).evaluation
    assert {"clone", "demonstrations"} & found.keys() == kept


def test_tensorboard_shows_what_metrics_do_not(runs):
    from tensorboard.backend.event_processing.event_accumulator import HISTOGRAMS, EventAccumulator

    events = EventAccumulator(str(runs[0].path / "tensorboard"), size_guidance={HISTOGRAMS: 0})  # 0 keeps all
    events.Reload()
    records = runs[0].metrics()
    critic = {event.step: event.value for event in events.Scalars("loss/critic")}
    assert list(critic) == [16, 32, 40, 48, 64, 80]  # every 16 steps, and once with each evaluation
    assert critic[80] == pytest.approx(records[-1]["loss/critic"], rel=1e-5)
    assert len(set(critic.values())) > 2  # and not the losses of the evaluations again
    assert [event.step for event in events.Scalars("steps_per_second")] == [40, 80]
    assert all(event.value > 0.0 for event in events.Scalars("steps_per_second"))
    (settings,) = events.Tensors("settings/text_summary")
    assert '"warm_start": 30' in settings.tensor_proto.string_val[0].decode()
    histograms = events.Histograms("replayed_reward")
    assert [(each.step, each.histogram_value.num) for each in histograms] == [(40, 40.0), (80, 80.0)]
    rewards = load_file(runs[0].path / CHECKPOINT_FILE)["buffer.rewards"]
    assert histograms[-1].histogram_value.max == pytest.approx(float(rewards.max()))
