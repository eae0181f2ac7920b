"""All findings about a reward: whether it tells the expert apart, whether its shape teaches, and its traps."""

from __future__ import annotations

from collections.abc import Iterator

from rexd.diagnosis.over_time import time_findings
from rexd.diagnosis.probes import NO_VELOCITY
from rexd.diagnosis.shape import Shape
from rexd.diagnosis.sight import Sight
from rexd.diagnosis.traps import FAR, trap_findings
from rexd.inspection.data.finding import Finding, by_severity
from rexd.reward.checks import (
    CLONE,
    FLAT,
    OTHER_ACTIONS,
    RANDOM_ACTIONS,
    RANDOM_POLICY,
    SATURATED,
    STANDSTILL_SHARE,
    UNUSED,
    ZERO_ACTIONS,
)

TOLD, HARDLY_TOLD = 0.9, 0.75  # AUROC against behaviour that is not the expert's
EVEN = 0.5  # of the steepest octave; a logarithmic reward falls by more than this everywhere in its range
MANY = 0.1  # of the expert's rows
# Of the clone's rows: 0.94 are unpaid of a pendulum whose scale is the demonstrations' alone, which is not learnt
# from, and 0.51 of the same with a scale that reaches the clone, which is.
MOST, MANY_UNPAID = 0.9, 0.7
NEAR = 0.88  # of the expert's reward
PASSES = 0.9  # of random actions
RANKED, HARDLY_RANKED = 0.7, 0.3  # Spearman's correlation


def find(sight: Sight, shape: Shape) -> tuple[Finding, ...]:
    """Return what speaks against a reward, the worst first."""
    return by_severity(
        [
            *_separation(sight),
            *_shape(sight, shape),
            *_reach(sight),
            *_actions_pass(sight),
            *trap_findings(sight),
            *time_findings(sight),
            *_order(sight),
            *_given(sight),
        ]
    )


def _separation(sight: Sight) -> Iterator[Finding]:
    played = {name: sight.probes[name].auroc for name in (RANDOM_POLICY, ZERO_ACTIONS) if name in sight.probes}
    still = {name: sight.probes[name].auroc for name in (NO_VELOCITY,) if name in sight.probes}
    actions = {name: sight.probes[name].auroc for name in (OTHER_ACTIONS, RANDOM_ACTIONS) if name in sight.probes}
    if weak := {name: auroc for name, auroc in played.items() if auroc < TOLD}:
        yield Finding(
            "error" if min(weak.values()) < HARDLY_TOLD else "warning",
            "not-told-apart",
            f"{_teller(sight)} hardly tells the expert's held-out rows from those of policies that know nothing: AUROC "
            f"{_listed(weak)}; expected {TOLD} or more",
            _more(sight),
        )
    if weak := {name: auroc for name, auroc in still.items() if auroc < TOLD}:
        yield Finding(
            # What doing nothing leads to in the environment tells more: a regulator is right to be at rest.
            "info" if ZERO_ACTIONS in played or min(weak.values()) >= HARDLY_TOLD else "warning",
            "rest-not-told-apart",
            f"{_teller(sight)} hardly tells the expert's held-out rows from a body at rest: AUROC {_listed(weak)}",
            "" if ZERO_ACTIONS in played else "name the environment with --env, in which doing nothing is played",
        )
    if sight.looks_at_actions and (weak := {name: auroc for name, auroc in actions.items() if auroc < HARDLY_TOLD}):
        yield Finding(
            "info",
            "actions-not-told-apart",
            f"in the expert's states, {_teller(sight)} hardly tells its actions from others: AUROC {_listed(weak)}. "
            "The reward has to steer by states",
            _more(sight),
        )


def _shape(sight: Sight, shape: Shape) -> Iterator[Finding]:
    expert = sight.of_novelty(sight.expert)
    if expert < SATURATED:
        yield Finding(
            "error",
            "saturated",
            f"the reward{_of_novelty(sight)} is next to nothing: the expert's own held-out rows earn {expert:.3f}",
            "leave sigma to the calibration, or lower it",
        )
        return
    pays = {name: sight.of_novelty(scored) for name, scored in sight.probes.items()}
    least = min(pays, key=pays.__getitem__, default=None)
    if least is not None and expert < pays[least] + FLAT:
        yield Finding(
            "error",
            "flat",
            f"the reward{_of_novelty(sight)} pays everything alike: {expert:.2f} the expert's held-out rows, and "
            f"{pays[least]:.2f} what it pays least of all probes ({least})",
            "leave sigma to the calibration, or raise it",
        )
    elif not sight.model.at_goal and shape.fall < FLAT and shape.fall <= EVEN * shape.steepest:
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
    if clone.unpaid < MANY_UNPAID:
        if clone.pays < FAR * sight.expert.pays:
            yield Finding(
                "info" if sight.way else "warning",
                "clone-far-from-expert",
                f"the clone, with which learning begins, earns {clone.pays:.2f} a step, and the expert's held-out rows "
                f"{sight.expert.pays:.2f}: "
                + (
                    "the way is long, and the reward climbs one direction along it, so that each step is paid"
                    if sight.way
                    else "exploration has a long way to find, which takes many steps, and may fail where there are "
                    "many columns"
                ),
                _more(sight),
            )
        if clone.pays > NEAR * sight.expert.pays:
            yield Finding(
                "info",
                "little-to-gain",
                f"the clone earns {clone.pays:.2f} a step, and the expert's held-out rows {sight.expert.pays:.2f}: if "
                "it does not do the task yet, this reward can hardly say what it lacks",
                "watch the clone play before you train; rare events that decide may need more demonstrations",
            )
        return
    yield Finding(
        "error" if clone.unpaid > MOST else "warning",
        "out-of-reach",
        f"the clone, with which learning begins, lies at {clone.lies:.3g} ℓ, and {clone.unpaid:.0%} of its rows earn "
        "nothing: there, no step is better than another",
        "fit the reward with its environment (rexd fit --env, rexd train), so that its scale reaches the clone; "
        + _more(sight),
    )


def _actions_pass(sight: Sight) -> Iterator[Finding]:
    """Actions that are not the expert's pass for them, where the clone has not yet come to the expert's states."""
    clone, random = sight.probes.get(CLONE), sight.probes.get(RANDOM_ACTIONS)
    if clone is None or random is None or random.separation is None or not sight.looks_at_actions:
        return
    if sight.way:  # which leads to the expert's states, whatever the actions
        return
    if random.separation.accepted > PASSES and clone.pays < STANDSTILL_SHARE * sight.expert.pays:
        yield Finding(
            "warning",
            "actions-pass",
            f"{random.separation.accepted:.0%} of random actions in the expert's states are paid more than the "
            f"worst-paid 5% of its own rows, and the clone earns {clone.pays:.2f} where the expert earns "
            f"{sight.expert.pays:.2f}: the reward corrects neither actions nor the way to the expert's states well",
            _more(sight),
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


def _teller(sight: Sight) -> str:
    """Name what tells rows from the expert's."""
    return "the reward" if sight.way else "novelty"


def _of_novelty(sight: Sight) -> str:
    return " of the novelty, without the way," if sight.way else ""


def _listed(aurocs: dict[str, float]) -> str:
    return ", ".join(f"{auroc:.2f} for {name}" for name, auroc in aurocs.items())


def _more(sight: Sight) -> str:
    """Propose more demonstrations: those that a selection left out, where there are any."""
    if UNUSED in sight.probes:
        return "use more of the demonstrations, since the selection leaves some out"
    return "use more demonstrations"
