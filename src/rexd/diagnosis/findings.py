"""All findings about a reward: whether it tells the expert apart, whether its shape teaches, and its traps."""

from __future__ import annotations

from collections.abc import Iterator

from rexd.diagnosis.probes import NO_VELOCITY
from rexd.diagnosis.shape import NOTHING, Shape
from rexd.diagnosis.sight import Sight
from rexd.diagnosis.traps import trap_findings
from rexd.inspection.data.finding import Finding, by_severity
from rexd.reward.checks import (
    CLONE,
    FLAT,
    OTHER_ACTIONS,
    RANDOM_ACTIONS,
    RANDOM_POLICY,
    SATURATED,
    UNUSED,
    ZERO_ACTIONS,
)

TOLD, HARDLY_TOLD = 0.9, 0.75  # AUROC against behaviour that is not the expert's
EVEN = 0.5  # of the steepest octave; a logarithmic reward falls by more than this everywhere in its range
MANY = 0.1  # of the expert's rows
MOST, HALF = 0.95, 0.5  # of the clone's rows
RANKED, HARDLY_RANKED = 0.7, 0.3  # Spearman's correlation


def find(sight: Sight, shape: Shape) -> tuple[Finding, ...]:
    """Return what speaks against a reward, the worst first."""
    return by_severity(
        [
            *_separation(sight),
            *_shape(sight, shape),
            *_reach(sight),
            *trap_findings(sight),
            *_order(sight),
            *_given(sight),
        ]
    )


def _separation(sight: Sight) -> Iterator[Finding]:
    names = (RANDOM_POLICY, ZERO_ACTIONS, NO_VELOCITY, *((OTHER_ACTIONS,) if sight.looks_at_actions else ()))
    aurocs = {name: sight.probes[name].auroc for name in names if name in sight.probes}
    weak = {name: auroc for name, auroc in aurocs.items() if auroc < TOLD}
    if weak:
        yield Finding(
            "error" if min(weak.values()) < HARDLY_TOLD else "warning",
            "not-told-apart",
            "novelty hardly tells the expert's held-out rows from rows that are not the expert's: AUROC "
            f"{', '.join(f'{auroc:.2f} for {name}' for name, auroc in weak.items())}; expected {TOLD} or more",
            _more(sight),
        )


def _shape(sight: Sight, shape: Shape) -> Iterator[Finding]:
    expert, random = sight.expert.pays, sight.probes.get(RANDOM_ACTIONS)
    if expert < SATURATED:
        yield Finding(
            "error",
            "saturated",
            f"the reward is next to nothing: the expert's own held-out rows earn {expert:.3f}",
            "leave sigma to the calibration, or lower it",
        )
    elif random is not None and sight.looks_at_actions and expert - random.pays < FLAT:
        yield Finding(
            "warning",
            "flat",
            f"random actions in the expert's states earn {random.pays:.2f} where the expert's held-out rows earn "
            f"{expert:.2f}: the reward says little about actions",
            _more(sight),
        )
    if shape.fall < min(FLAT, EVEN * shape.steepest):
        yield Finding(
            "warning",
            "flat-near-expert",
            f"where the novelty doubles from that of the expert, the reward falls from {shape.at_expert:.2f} to "
            f"{shape.at_expert - shape.fall:.2f}, and by {shape.steepest:.2f} where it doubles from "
            f"{shape.steepest_at:.3g} ℓ: policies near the expert are paid alike",
            "--shape logarithmic, whose slope is even; or leave sigma and median_reward at their defaults",
        )
    if shape.paid_little > MANY:
        yield Finding(
            "warning",
            "expert-paid-little",
            f"{shape.paid_little:.0%} of the expert's held-out rows earn less than a quarter of its median reward: "
            "the reward steers away from a part of what the expert does",
            _more(sight),
        )


def _reach(sight: Sight) -> Iterator[Finding]:
    clone = sight.probes.get(CLONE)
    if clone is None:
        return
    unpaid = float((clone.reward < NOTHING).mean())
    if unpaid < HALF:
        return
    yield Finding(
        "error" if unpaid > MOST else "warning",
        "out-of-reach",
        f"the clone, with which learning begins, lies at {clone.lies:.3g} ℓ, and {unpaid:.0%} of its rows earn "
        "nothing: there, no step is better than another",
        "fit the reward with its environment (rexd fit --env, rexd train), so that its scale reaches the clone; "
        + _more(sight),
    )


def _order(sight: Sight) -> Iterator[Finding]:
    ranks = sight.ranks
    if ranks is None:
        return
    if ranks.spearman is None:
        yield Finding("warning", "no-order", "all trajectories of --data have one return; they have no order")
    elif ranks.spearman < RANKED:
        yield Finding(
            "error" if ranks.spearman < HARDLY_RANKED else "warning",
            "wrong-order",
            f"over {ranks.trajectories} trajectories the rank correlation of learned and true return is "
            f"{ranks.spearman:.2f} [{ranks.low:.2f}, {ranks.high:.2f}]; expected {RANKED} or more",
            _more(sight),
        )


def _given(sight: Sight) -> Iterator[Finding]:
    if sight.demonstrations is not None and not sight.same:
        yield Finding(
            "info",
            "other-rows",
            "the reward was fitted to other rows than these: held-out rows are those of its own fit, and probes are "
            "made of these",
            "the options --trajectories, --subsample and --seed of the fit, to look at the same rows",
        )


def _more(sight: Sight) -> str:
    """Propose more demonstrations: those that a selection left out, where there are any."""
    if UNUSED in sight.probes:
        return "use more of the demonstrations, since the selection leaves some out"
    return "use more demonstrations"
