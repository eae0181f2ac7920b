"""What a reward pays for every probe: the figures that the findings are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.diagnosis.episodes import Step
from rexd.diagnosis.ladder import ColumnWeight, column_weights
from rexd.diagnosis.probe import Estimator, Probe, evenly
from rexd.diagnosis.ranks import RankCorrelation, learned_return
from rexd.diagnosis.separation import Separation, separate
from rexd.reward.checks import EXPERT, Check
from rexd.reward.rows import Float32, Rows
from rexd.rl.training.reward_in_env import Played

NOTHING = 0.01  # a reward that is as good as none


@dataclass(frozen=True, eq=False)
class Scored:
    """A reward's answer to one probe.

    Attributes:
        name: The kind of rows.
        novelty: (rows,) the novelty of each, in ℓ.
        reward: (rows,) what each is paid.
        separation: How the novelty compares with that of the expert's held-out rows, or what is paid where the reward
            has a way; None for these themselves.
    """

    name: str
    novelty: Float32
    reward: Float32
    separation: Separation | None

    @property
    def pays(self) -> float:
        """The mean reward."""
        return float(self.reward.mean(dtype=np.float64))

    @property
    def lies(self) -> float:
        """The median novelty in ℓ."""
        return float(np.median(self.novelty))

    @property
    def unpaid(self) -> float:
        """The share of the rows that earn next to nothing."""
        return float((self.reward < NOTHING).mean())

    @property
    def auroc(self) -> float:
        """How well these rows are told from the expert's; 0.5, as for equal rows, for the expert's own."""
        return 0.5 if self.separation is None else self.separation.auroc


@dataclass(frozen=True, eq=False)
class Sight:
    """Everything that was measured about one reward.

    Attributes:
        model: The reward.
        demonstrations: What it was fitted to; None where they are not given.
        expert: The expert's held-out rows.
        probes: Everything else, by name.
        columns: What moves along single columns cost.
        lengths: Mean number of steps of the episodes of each policy, by its name.
        returns: Mean learned return of the same.
        ranks: The rank correlation of learned and true return; None without data that has returns.
    """

    model: Estimator
    demonstrations: Demonstrations | None
    expert: Scored
    probes: Mapping[str, Scored]
    columns: tuple[ColumnWeight, ...]
    lengths: Mapping[str, float]
    returns: Mapping[str, float]
    ranks: RankCorrelation | None

    @property
    def unit(self) -> float:
        """ℓ, the unit of novelty; never 0."""
        return unit_of(self.model)

    @property
    def same(self) -> bool:
        """Whether the reward was fitted to exactly these demonstrations."""
        demonstrations = self.demonstrations
        return demonstrations is not None and demonstrations.sha256 == self.model.demonstrations_sha256_

    @property
    def looks_at_actions(self) -> bool:
        """Whether two actions in one state can be paid differently."""
        return self.model.config.inputs != "state"

    @property
    def way(self) -> bool:
        """Whether the reward climbs a way from a beginner to the expert; novelty is then only a part of it."""
        return self.model.climbs

    def of_novelty(self, scored: Scored) -> float:
        """Return the mean reward of the novelty alone, without the way."""
        if not self.way:
            return scored.pays
        return float(self.model.reward_of_novelty(scored.novelty * np.float32(self.unit)).mean(dtype=np.float64))

    @property
    def other_checks(self) -> list[Check]:
        """The checks that the reward brings about rows which were not asked about here."""
        known = {self.expert.name, *self.probes}
        return [check for check in self.model.checks_ if check.name not in known]


def unit_of(model: Estimator) -> float:
    """Return ℓ, the unit of a reward's novelty; never 0."""
    return max(model.calibration_.median, float(np.finfo(np.float32).tiny))


def look(
    model: Estimator,
    demonstrations: Demonstrations | None,
    probes: Sequence[Probe],
    played: Played | None,
    *,
    ranks: RankCorrelation | None,
    seed: int,
    step: Step,
) -> Sight:
    """Ask a reward about every probe.

    Args:
        model: A fitted reward.
        demonstrations: What it was fitted to, or other rows of the same task; None if there are none.
        probes: The rows to ask about.
        played: The episodes that some of the probes are drawn from.
        ranks: The rank correlation, which is kept beside the rest.
        seed: Seed of the intervals and of the moves.
        step: Called with the progress.
    """
    unit = unit_of(model)
    held_out = model.held_out_novelty_
    expert = Scored(EXPERT, (held_out / unit).astype(np.float32), model.held_out_reward_, None)
    total = len(probes) + 1
    scored = {}
    for number, probe in enumerate(probes):
        step("scoring probes", number, total)
        novelty = model.novelty_of(probe.rows)
        paid = model.paid(probe.rows, novelty)
        # without a way, the reward falls with the novelty alone, which also orders rows that are paid nothing
        apart = separate(-expert.reward, -paid, seed) if model.climbs else separate(held_out, novelty, seed)
        scored[probe.name] = Scored(probe.name, (novelty / unit).astype(np.float32), paid, apart)
    step("scoring probes", len(probes), total)
    columns = tuple[ColumnWeight, ...]()
    if demonstrations is not None:
        rows = evenly(Rows.of_transitions(demonstrations.transitions()))
        columns = column_weights(model, demonstrations, rows, unit, seed)
    lengths, returns = {}, {}
    for name, episodes in () if played is None else played.episodes.items():
        lengths[name] = float(np.mean([len(episode) for episode in episodes]))
        returns[name] = float(np.mean([learned_return(model, episode) for episode in episodes]))
    return Sight(model, demonstrations, expert, scored, columns, lengths, returns, ranks)
