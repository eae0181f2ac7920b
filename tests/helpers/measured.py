"""A reward whose novelty is the first observation column, and figures about rewards that are set by hand."""

from types import SimpleNamespace

import numpy as np

from rexd.diagnosis.ladder import ColumnWeight
from rexd.diagnosis.separation import Separation
from rexd.diagnosis.sight import Scored, Sight
from rexd.reward.calibration import Calibration
from rexd.reward.checks import EXPERT


class Fake:
    """1 / (1 + L) of the size L of the first column; ℓ is 1."""

    def __init__(self, horizon=None, checks=(), inputs="state-action", pays=None, climbs=False, at_goal=False):
        self.calibration_ = Calibration(1.0, 30.0, (1.0,) * 21, 1.0)
        self.held_out_novelty_ = np.linspace(0.5, 1.5, 101, dtype=np.float32)
        self.demonstrations_sha256_, self.checks_, self.horizon = "none", checks, horizon
        self.config = SimpleNamespace(inputs=inputs)
        self.at_goal = at_goal
        self.climbs, self._pays = climbs, pays or (lambda novelty: 1.0 / (1.0 + novelty))

    def novelty_of(self, rows):
        return np.abs(rows.obs[:, 0]).astype(np.float32)

    def reward_of_novelty(self, novelty):
        return np.asarray(self._pays(novelty), np.float32)

    def paid(self, rows, novelty):
        return self.reward_of_novelty(novelty)

    @property
    def held_out_reward_(self):
        return self.reward_of_novelty(self.held_out_novelty_)


def scored(name, pays, auroc=1.0, novelty=20.0, accepted=0.0):
    """One probe; ``pays`` is a number, or what each row is paid."""
    reward = np.atleast_1d(np.asarray(pays, np.float32))
    return Scored(name, np.full(len(reward), novelty, np.float32), reward, Separation(auroc, auroc, auroc, accepted))


def sight(*probes, expert=0.75, model=None, columns=(), lengths=None, returns=None, ranks=None, demonstrations=None):
    """Figures about a reward that pays the expert ``expert``; episodes have 1,000 steps where nothing is said."""
    held_out = Scored(EXPERT, np.ones(1, np.float32), np.full(1, expert, np.float32), None)
    lasting = {probe.name: 1000.0 for probe in probes} | (lengths or {})
    earned = {probe.name: lasting[probe.name] * probe.pays for probe in probes} | (returns or {})
    weights = tuple(ColumnWeight(name, 2.0, share) for name, share in columns)
    known = {probe.name: probe for probe in probes}
    return Sight(model or Fake(), demonstrations, held_out, known, weights, lasting, earned, ranks)
