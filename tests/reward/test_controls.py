import numpy as np
import pytest

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import RexdError

pytest.importorskip("gymnasium")

from rexd.reward.base import RewardModel
from rexd.reward.controls import AbsorbingReward, ConstantReward
from rexd.rl.wrappers.absorbing import add_absorbing


class Position(RewardModel):
    """A reward model: half of the first column, at most 1; the rows that it was asked about."""

    def __init__(self):
        self.asked = []

    def fit(self, demonstrations):
        return self

    def novelty_of(self, rows):
        self.asked.append(rows)
        return (10.0 * rows.obs[:, 0]).astype(np.float32)

    def reward_of(self, rows):
        self.asked.append(rows)
        return np.clip(rows.obs[:, 0] / 2.0, 0.0, 1.0).astype(np.float32)

    def save(self, path):
        path.write_text("saved")
        return path


class Timed(Position):
    """Pays a hundredth of the time."""

    clock = True

    def novelty_of(self, rows):
        return rows.step.astype(np.float32)

    def reward_of(self, rows):
        return np.float32(rows.step / 100.0)


def demos(terminated=(True, False)):
    """Two trajectories of 3 and 2 rows; first columns 0.1 to 0.3 and 0.5, 0.6."""
    columns = ([0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7])
    return Demonstrations(
        tuple(
            Trajectory.from_steps(np.stack([c, np.ones(len(c))], axis=1), np.zeros((len(c) - 1, 1)), terminated=ends)
            for c, ends in zip(columns, terminated, strict=True)
        )
    )


class TestConstant:
    def test_pays_demonstrations_and_nothing_else(self):
        model, obs = ConstantReward(), np.full((4, 2), 0.3)
        assert model.fit(demos()) is model
        assert model.predict(obs, np.zeros((4, 1))).tolist() == [0.0] * 4
        assert model.novelty(obs).tolist() == [1.0] * 4
        assert model.predict_demonstrations(demos()).tolist() == [1.0] * 5
        assert model.predict(obs).dtype == model.predict_demonstrations(demos()).dtype == np.float32

    def test_pays_absorbing_rows_as_any_other(self):
        assert ConstantReward().predict_demonstrations(add_absorbing(demos())).tolist() == [1.0] * 6
        assert ConstantReward().predict(np.float32([[0, 0, 1]])).tolist() == [0.0]

    def test_has_nothing_to_save(self, tmp_path):
        with pytest.raises(RexdError, match="no state to save"):
            ConstantReward().save(tmp_path / "r.safetensors")


class TestAbsorbing:
    def test_the_absorbing_state_earns_the_expert_s_mean(self):
        model = AbsorbingReward(Position(), demos())
        mean = np.mean([0.1, 0.2, 0.3, 0.5, 0.6]) / 2.0
        obs = np.float32([[0.8, 1.0, 0.0], [0.0, 0.0, 1.0], [0.4, 1.0, 0.0]])
        assert model.predict(obs, np.zeros((3, 1))) == pytest.approx([0.4, mean, 0.2])
        assert model.predict(obs).dtype == np.float32

    def test_it_earns_nothing_where_no_demonstration_ends(self):
        model = AbsorbingReward(Position(), demos(terminated=(False, False)))
        assert model.predict(np.float32([[0.0, 0.0, 1.0]])).tolist() == [0.0]

    def test_the_model_never_sees_the_indicator(self):
        inner = Position()
        model = AbsorbingReward(inner, demos())
        obs, following = np.float32([[0.1, 1.0, 0.0]]), np.float32([[0.2, 1.0, 1.0]])
        for method in (model.predict, model.novelty):
            method(obs, np.zeros((1, 1)), following)
            seen = inner.asked[-1]
            assert seen.obs.tolist() == obs[:, :2].tolist()
            assert seen.next_obs.tolist() == following[:, :2].tolist()
        assert model.novelty(obs)[0] == pytest.approx(1.0)

    def test_a_model_with_a_clock_is_told_the_time(self):
        model = AbsorbingReward(Timed(), demos())
        obs, step = np.float32([[0.1, 1.0, 0.0], [0.0, 0.0, 1.0]]), np.array([7, 8])
        mean = np.mean([0, 1, 2, 0, 1]) / 100.0
        assert model.clock
        assert model.novelty(obs, np.zeros((2, 1)), obs, step).tolist() == [7.0, 8.0]
        assert model.predict(obs, np.zeros((2, 1)), obs, step) == pytest.approx([0.07, mean])
        rewards = model.predict_demonstrations(add_absorbing(demos()))
        assert rewards == pytest.approx([0.0, 0.01, 0.02, mean, 0.0, 0.01])
        assert not AbsorbingReward(Position(), demos()).clock

    def test_demonstrations_are_paid_row_by_row(self):
        raw = demos()
        model = AbsorbingReward(Position(), raw)
        rewards = model.predict_demonstrations(add_absorbing(raw))
        mean = np.mean([0.1, 0.2, 0.3, 0.5, 0.6]) / 2.0
        assert rewards == pytest.approx([0.05, 0.1, 0.15, mean, 0.25, 0.3])

    def test_it_is_made_of_a_fitted_model(self, tmp_path):
        model = AbsorbingReward(Position(), demos())
        with pytest.raises(RexdError, match="fit the reward model before"):
            model.fit(demos())
        assert model.save(tmp_path / "inner").read_text() == "saved"
