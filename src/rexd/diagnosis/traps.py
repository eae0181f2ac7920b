"""Findings about traps: what a policy can be paid for without doing what the expert does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rexd.diagnosis.episodes import NOISE, noisy_clone
from rexd.diagnosis.probes import NO_VELOCITY
from rexd.diagnosis.sight import Sight
from rexd.inspection.data.finding import Finding
from rexd.reward.checks import CLONE, RANDOM_POLICY, STANDSTILL, STANDSTILL_SHARE, UNUSED, ZERO_ACTIONS
from rexd.reward.rows import Rows

# Unused rows of a stride that misses nothing lie at 1 to 4 ℓ. Those of a pendulum with a period of 5 and a stride of 20
# lie at 262 ℓ and earn half; those of CartPole, which is learnt from 25 rows, lie at 22 ℓ and earn three quarters.
ALIASED, KNOWN = 10.0, 2 / 3
AS_GOOD = 0.9  # of the expert's reward: what ends have to be paid at least
SHORTER = 1.5  # times; episodes that differ by less end alike
# Of the expert's reward. From 0.37 on, what was tried was learnt from.
FAR = 0.25
MORE = 0.02  # a smaller difference between episodes is chance
# Of what lies between the clone and the expert. Where a way was learnt from, noise brought the clone 0.05 to 0.14
# further, and its true return rose with it.
LEADS = 0.2
DOMINATES = 0.8  # of the novelty; Reacher, which is learnt, has a column with 0.7
FEW = 3  # columns; of fewer, one is always half
IMITATE = "train with demonstration replay and cloning (the defaults of rexd train), and watch the episodes"


def trap_findings(sight: Sight) -> Iterator[Finding]:
    """Yield a finding for each trap that the reward is open to."""
    yield from _standing_still(sight)
    yield from _lasting(sight)
    yield from _noise(sight)
    yield from _slow_finish(sight)
    yield from _aliased(sight)
    yield from _one_column(sight)


def _standing_still(sight: Sight) -> Iterator[Finding]:
    if sight.model.at_goal:  # to stand there is what is wanted
        return
    expert, clone = sight.expert.pays, sight.probes.get(CLONE)
    still = sight.probes.get(ZERO_ACTIONS)
    if still is not None and clone is not None and still.pays >= clone.pays and clone.pays < FAR * expert:
        yield Finding(
            "warning" if sight.way else "error",  # a way goes on from there
            "standing-pays-more",
            f"doing nothing earns {still.pays:.2f} a step, and the clone, with which learning begins, {clone.pays:.2f} "
            f"(the expert's held-out rows {expert:.2f}): what a policy can learn first is to stand still",
            "use more of the demonstrations (a smaller --subsample, more --trajectories), with which the clone does "
            "better",
        )
        return
    rest = sight.probes.get(NO_VELOCITY)
    if still is not None and still.pays > STANDSTILL_SHARE * expert:
        ahead = clone is not None and clone.pays > still.pays
        beside = "" if clone is None else f", and the clone {clone.pays:.2f}"
        yield Finding(
            "info" if ahead else "warning",
            "standing-still",
            f"doing nothing earns {still.pays:.2f} a step where the expert's held-out rows earn {expert:.2f}{beside}: "
            "a policy may learn to stand still",
            "" if ahead else IMITATE,
        )
    elif still is None and rest is not None and rest.pays > STANDSTILL_SHARE * expert:
        yield Finding(
            "info",
            "rest-is-paid",
            f"{rest.name} earn {rest.pays:.2f} a step, and held-out rows {expert:.2f}; the body may not be able to "
            "stay so",
            "name the environment with --env, in which doing nothing is played",
        )
    worst = next((check for check in sight.model.checks_ if check.name == STANDSTILL), None)
    if worst is not None and worst.reward > STANDSTILL_SHARE * expert:
        yield Finding(
            "info",
            "best-paid-standstill",
            f"the best-paid pose without velocity that a search found earns {worst.reward:.2f} (the expert's held-out "
            f"rows {expert:.2f}); the body may not be able to hold it",
        )


def _lasting(sight: Sight) -> Iterator[Finding]:
    """Surviving badly against acting well and ending."""
    clone = sight.probes.get(CLONE)
    if clone is None:
        return
    for name in (ZERO_ACTIONS, RANDOM_POLICY):
        other = sight.probes.get(name)
        if other is None or sight.lengths[name] < SHORTER * sight.lengths[CLONE]:
            continue
        if other.pays < STANDSTILL_SHARE * clone.pays and sight.returns[name] > sight.returns[CLONE]:
            yield Finding(
                "warning",
                "lasting-pays-more",
                f"{name}: {sight.lengths[name]:.0f} steps at {other.pays:.2f} earn {sight.returns[name]:.0f} an "
                f"episode; the clone: {sight.lengths[CLONE]:.0f} steps at {clone.pays:.2f} earn "
                f"{sight.returns[CLONE]:.0f}. To survive badly is worth more than to act well and fail",
                "use more of the demonstrations, with which the clone lasts longer; " + IMITATE,
            )
            return


def _noise(sight: Sight) -> Iterator[Finding]:
    clone = sight.probes.get(CLONE)
    names = (*map(noisy_clone, NOISE), RANDOM_POLICY)  # random play is the end of that ladder
    noisy = [sight.probes[name] for name in names if name in sight.probes]
    if clone is None or not noisy:
        return
    best = max(noisy, key=lambda scored: scored.pays)
    # With a way, noise that is paid a little more has come a little further: a clone that lies on its back moves on.
    more = max(MORE, LEADS * (sight.expert.pays - clone.pays)) if sight.way else MORE
    if best.pays > clone.pays + more and clone.pays < FAR * sight.expert.pays:
        yield Finding(
            "warning",
            "noise-pays",
            f"the {best.name} earns {best.pays:.2f} a step, and the clone without noise {clone.pays:.2f}: the reward "
            "does not point from where the clone is to the expert",
            "use more of the demonstrations, with which the clone does better",
        )


def _slow_finish(sight: Sight) -> Iterator[Finding]:
    """Loitering before an end in success: the end is worth its own reward for ever, and so is every step before it."""
    demonstrations = sight.demonstrations
    if sight.model.horizon is None or demonstrations is None:
        return
    ends = [
        t.rows(np.flatnonzero(t.terminated))
        for t in (*demonstrations.trajectories, *demonstrations.unused)
        if t.terminated.any()
    ]
    if not ends:
        return
    rows = Rows.joined([Rows.of_trajectory(end) for end in ends])
    paid = float(sight.model.paid(rows, sight.model.novelty_of(rows)).mean())
    if paid < AS_GOOD * sight.expert.pays:
        yield Finding(
            "warning",
            "slow-finish",
            f"the terminal steps of the demonstrations are paid {paid:.2f}, and their held-out rows "
            f"{sight.expert.pays:.2f}: to stay before the end is worth more than to end",
            "use more of the trajectories, so that there are more ends, or a smaller --subsample, which keeps them",
        )


def _aliased(sight: Sight) -> Iterator[Finding]:
    unused = sight.probes.get(UNUSED)
    if unused is None or not sight.same:
        return
    if unused.lies > ALIASED and unused.pays < KNOWN * sight.expert.pays:
        yield Finding(
            "error",
            "unused-rows-are-new",
            f"expert rows that the selection left out lie at {unused.lies:.3g} ℓ and earn {unused.pays:.2f} (held-out "
            f"rows {sight.expert.pays:.2f}): the kept rows show a part of what the expert does",
            "another --subsample, such as one more or less, whose rows show all phases of a cycle",
        )


def _one_column(sight: Sight) -> Iterator[Finding]:
    if len(sight.columns) < FEW:
        return
    most = max(sight.columns, key=lambda column: column.share)
    if most.share > DOMINATES:
        yield Finding(
            "warning",
            "one-column-dominates",
            f"{most.name} alone makes {most.share:.0%} of the novelty of moves along single columns (one standard "
            f"deviation of it costs {most.novelty:.3g} ℓ): the reward looks at little else",
            "--columns without it, if it is no part of what the expert does (a clock, a counter, an id)",
        )
