"""Checks: what a fitted reward pays for rows of known kinds, and whether that can teach a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from rexd.demos.demonstrations import Demonstrations
from rexd.reward.calibration import KnownErrors
from rexd.reward.rows import Float32, Rows
from rexd.reward.standstill import HasNovelty, standstills

EXPERT = "expert rows, held out"
UNUSED = "expert rows, unused"
RANDOM_ACTIONS = "expert states, random actions"
OTHER_ACTIONS = "expert states, other rows' actions"
STANDSTILL = "worst standstill"
CLONE = "clone of the demonstrations"
RANDOM_POLICY = "random policy"
ZERO_ACTIONS = "zero actions"
FLAT = 0.1  # a smaller difference between the expert and random actions drowns in the critic's error
SATURATED = 0.05  # a smaller reward of the expert is as good as none
STANDSTILL_SHARE = 0.5  # of the expert's reward; standing still that earns more tempts a policy


class Pays(Protocol):
    """A fitted reward."""

    def paid(self, rows: Rows, novelty: Float32) -> Float32:
        """Return the reward of rows whose errors (batch,) are known: (batch,)."""
        ...

    def paid_inputs(self, x: Tensor, novelty: Float32) -> Float32:
        """Return the reward of standardised inputs (batch, C) whose errors (batch,) are known: (batch,)."""
        ...


class FittedReward(Pays, HasNovelty, Protocol):
    """What ``check_reward`` needs of a fitted reward."""


class ShapeSettings(Protocol):
    """The settings of a reward that decide which mends apply; ``REDConfig`` has them."""

    @property
    def inputs(self) -> str:
        """What the reward looks at; that of states alone pays all actions alike."""
        ...

    @property
    def recipe(self) -> str:
        """The recipe by which the reward is fitted."""
        ...

    @property
    def shape(self) -> str:
        """How the error becomes a reward."""
        ...

    @property
    def sigma(self) -> float | None:
        """The bandwidth that was set by hand; None where it is calibrated."""
        ...


@dataclass(frozen=True)
class Check:
    """What the reward pays for one kind of rows.

    Attributes:
        name: The kind of rows.
        reward: Mean reward of the rows.
        novelty: Median error of the rows.
        rows: Number of rows.
    """

    name: str
    reward: float
    novelty: float
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def of(cls, name: str, novelty: Float32, reward: Float32) -> Check:
        """Sum up the errors (rows,) of one kind of rows, and what they are paid (rows,)."""
        return cls(name, float(reward.mean()), float(np.median(novelty)), len(novelty))


def check_reward(
    model: FittedReward,
    errors: KnownErrors,
    held_out: Float32,
    demonstrations: Demonstrations,
    seed: int,
    velocity_columns: Sequence[int] | None = None,
) -> tuple[Check, ...]:
    """Measure everything that needs no environment.

    Args:
        model: A reward that was fitted to ``demonstrations``.
        errors: Its errors on rows of known kinds.
        held_out: (N,) what it pays for the rows that were held out.
        demonstrations: The search for the worst standstill starts from their states.
        seed: Seed of that search.
        velocity_columns: Observation columns that are velocities; with them the worst standstill is searched. A reward
            that looks at the way to a goal pays for standing at the goal, as it should, and nothing is searched.
    """
    checks = [Check.of(EXPERT, errors.held_out, held_out)]
    for name, known in ((UNUSED, errors.unused), (RANDOM_ACTIONS, errors.uniform), (OTHER_ACTIONS, errors.others)):
        if known is not None:
            checks.append(Check.of(name, known.errors, model.paid(known.rows, known.errors)))
    if velocity_columns and model.encoder.columns.goals is None:
        poses, worst = standstills(model, demonstrations, velocity_columns, seed)
        checks.append(Check.of(STANDSTILL, worst, model.paid_inputs(poses, worst)))
    return tuple(checks)


def warnings_of(checks: Sequence[Check], settings: ShapeSettings, *, imitating: bool = False) -> list[str]:
    """Return what is wrong with the reward, each with mends that are not in use yet; nothing where it can teach.

    Args:
        checks: What the reward pays.
        settings: The settings of the reward.
        imitating: Whether the policy is trained with demonstration replay and cloning, so far as that is known.
    """
    pays = {check.name: check.reward for check in checks}
    expert, paper = pays[EXPERT], settings.recipe == "paper"
    more = "use more of the demonstrations, since the selection leaves some out"
    more = more if UNUSED in pays else "use more demonstrations"
    steeper = None if settings.shape == "logarithmic" else "take shape='logarithmic'"
    better = "take recipe='calibrated'" if paper else steeper
    found = []
    if settings.inputs != "state" and expert - pays[RANDOM_ACTIONS] < FLAT:
        found.append(
            f"The reward is flat: it pays {expert:.2f} for the expert's held-out rows and {pays[RANDOM_ACTIONS]:.2f} "
            f"for random actions in the same states. {_mend('or', more, better)}"
        )
    if expert < SATURATED:
        calibrate = None if settings.sigma is None or paper else "leave sigma to the calibration"
        lower = None if settings.sigma is None else f"lower sigma, which is {settings.sigma:g}"
        found.append(
            f"The reward is saturated near zero: it pays {expert:.3f} for the expert's own held-out rows. "
            + (_mend("or", more, better) if lower is None else _mend("or", calibrate, lower))
        )
    imitate = None if imitating else "train with demonstration replay and cloning (the defaults of rexd train)"
    rational = None if paper or settings.shape == "rational" else "compare shape='rational'"
    return found + [
        f"{name.capitalize()} earns {pays[name]:.2f} a step where the expert's held-out rows earn {expert:.2f}: a "
        f"policy may learn to stand still. {_mend('and', imitate, rational, 'watch the episodes')}"
        for name in (STANDSTILL, ZERO_ACTIONS)
        if name in pays and pays[name] > STANDSTILL_SHARE * expert
    ]


def _mend(word: str, *parts: str | None) -> str:
    """Put mends into one sentence, without those that are None."""
    *first, last = [part for part in parts if part is not None]
    text = f"{', '.join(first)}{',' if len(first) > 1 else ''} {word} {last}" if first else last
    return f"{text[0].upper()}{text[1:]}."
