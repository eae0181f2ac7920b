"""The diagnosis as a whole: rewards, probes, figures, findings and a grade."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.diagnosis.episodes import Step, probes_of
from rexd.diagnosis.findings import find
from rexd.diagnosis.grade import Grade, grade_of
from rexd.diagnosis.probe import Estimator
from rexd.diagnosis.probes import demonstrated_probes
from rexd.diagnosis.ranks import rank_correlation
from rexd.diagnosis.shape import Shape, shape_of
from rexd.diagnosis.sight import Scored, Sight, look
from rexd.diagnosis.thorough import Refit, refit_findings, refits
from rexd.errors import DemonstrationError
from rexd.inspection.data.finding import Finding, by_severity
from rexd.inspection.data.strides import subsampled_findings
from rexd.reward.checks import CLONE
from rexd.reward.estimator.estimator import Estimator as Fitting
from rexd.reward.estimator.settings import EstimatorSettings
from rexd.reward.registry import estimator
from rexd.rl.training.reward_in_env import Played


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What was found about one reward.

    Attributes:
        name: The reward.
        sight: What was measured.
        shape: The shape of the reward.
        findings: What speaks against it, the worst first.
        grade: What to expect of training on it.
        refits: The same reward fitted again, with other seeds and to fewer demonstrations; none unless that is asked.
    """

    name: str
    sight: Sight
    shape: Shape
    findings: tuple[Finding, ...]
    grade: Grade
    refits: tuple[Refit, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        sight = self.sight
        return {
            "reward": self.name,
            "grade": asdict(self.grade),
            "calibration": sight.model.calibration_.to_dict(),
            "way": sight.way,
            "shape": asdict(self.shape),
            "probes": [
                self._probe(sight.expert),
                *map(self._probe, sight.probes.values()),
                *(
                    {**_plain(check.name, check.rows, check.reward, check.novelty / sight.unit), "separation": None}
                    for check in sight.other_checks
                ),
            ],
            "columns": [asdict(column) for column in sight.columns],
            "ranks": None if sight.ranks is None else asdict(sight.ranks),
            "refits": [asdict(refit) for refit in self.refits],
            "findings": [asdict(finding) for finding in self.findings],
        }

    def _probe(self, scored: Scored) -> dict[str, Any]:
        sight, name = self.sight, scored.name
        episodes = (
            {"length": sight.lengths[name], "learned_return": sight.returns[name]} if name in sight.returns else {}
        )
        separation = None if scored.separation is None else asdict(scored.separation)
        plain = _plain(name, len(scored.reward), scored.pays, scored.lies)
        return {**plain, "unpaid": scored.unpaid, "separation": separation, **episodes}


def _plain(name: str, rows: int, reward: float, novelty: float) -> dict[str, Any]:
    return {"name": name, "rows": rows, "reward": reward, "novelty": novelty if math.isfinite(novelty) else None}


def fit_for_diagnosis(
    config: EstimatorSettings,
    demonstrations: Demonstrations,
    played: Played | None,
    velocities: Sequence[int] | None,
    step: Step = lambda doing, done, total: None,
) -> Fitting:
    """Fit the reward that ``rexd fit`` and ``rexd train`` would fit, with the episodes that were played before."""
    fitting = partial(step, "fitting the reward")
    if played is None or config.recipe == "paper":
        return estimator(config).fit(demonstrations, fitting, velocity_columns=velocities)
    beginner, random_play = played.beginner, played.random_play
    return estimator(config).fit(
        demonstrations, fitting, velocity_columns=velocities, beginner=beginner, random_play=random_play
    )


def _fit_again(
    config: EstimatorSettings,
    played: Played | None,
    velocities: Sequence[int] | None,
    seed: int,
    demonstrations: Demonstrations,
    step: Step,
) -> Fitting:
    return fit_for_diagnosis(config.with_changes({"seed": seed}), demonstrations, played, velocities, step)


def check_columns(demonstrations: Demonstrations) -> None:
    """Refuse demonstrations of which no probe can be made.

    Raises:
        DemonstrationError: The observations are images.
    """
    if demonstrations.image:
        raise DemonstrationError(
            f"{demonstrations.source}: has images of shape {demonstrations.image}; expected columns, as no probe is "
            "made of images. The checks of rexd fit say what a reward on images pays"
        )


def diagnose(
    models: Mapping[str, Estimator],
    demonstrations: Demonstrations | None,
    *,
    played: Played | None = None,
    velocities: Sequence[int] | None = None,
    data: Demonstrations | None = None,
    thorough: bool = False,
    seed: int = 0,
    step: Step = lambda doing, done, total: None,
) -> tuple[Diagnosis, ...]:
    """Say of each reward whether a policy can learn from it.

    Args:
        models: Fitted rewards by name; all are asked about the same rows.
        demonstrations: What they were fitted to, in memory, or other rows of the same task; None leaves probes that are
            made of demonstrations out.
        played: Episodes in the environment, as ``play`` returns them; None leaves probes that need one out.
        velocities: Observation columns that are velocities, if they are known.
        data: Trajectories with rewards, with whose returns the learned ones are compared.
        thorough: Whether each reward is fitted again, with other seeds and to fewer demonstrations.
        seed: Seed of probes and intervals.
        step: Called with the progress.

    Raises:
        DemonstrationError: The observations are images, or ``data`` has too few trajectories or no rewards.
        SpaceMismatchError: A reward was fitted to other columns.
    """
    if demonstrations is not None:
        check_columns(demonstrations)
    probes = [] if demonstrations is None else list(demonstrated_probes(demonstrations, velocities, seed))
    probes += [] if played is None else probes_of(played)
    strides = [] if demonstrations is None else subsampled_findings(demonstrations)
    found = []
    for name, model in models.items():
        ranks = None if data is None else rank_correlation(model, data, data.source, seed)
        sight = look(model, demonstrations, probes, played, ranks=ranks, seed=seed, step=step)
        shape = shape_of(model, sight.unit, sight.expert.reward)
        again: tuple[Refit, ...] = ()
        if thorough and demonstrations is not None:
            fit = partial(_fit_again, model.config, played, velocities)
            again = refits(model, demonstrations, probes, fit, model.config.seed, step)
        findings = by_severity([*find(sight, shape), *refit_findings(again, sight), *strides])
        grade = grade_of(findings, played=CLONE in sight.probes)
        found.append(Diagnosis(name, sight, shape, findings, grade, again))
    return tuple(found)
