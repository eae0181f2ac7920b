"""The thorough part: how far a reward hangs on its seed and on the number of demonstrations, measured by new fits.

A reward is fitted again with other seeds, and to a half and a quarter of its demonstrations. All rewards are asked
about the same rows. What should not change is the order in which they pay them (Spearman's rank correlation), what
held-out rows earn, and how well each probe is told apart. The episodes that set the scale are those of the first fit's
clone, so that only what is named changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.diagnosis.episodes import Step
from rexd.diagnosis.probe import Estimator, Probe, evenly
from rexd.diagnosis.ranks import spearman
from rexd.diagnosis.sight import Sight, look
from rexd.inspection.data.finding import Finding
from rexd.reward.rows import Rows

SEEDS = 3
PARTS = (("a half", 2), ("a quarter", 4))
MOST_ROWS = 500  # of one probe; the order of a few thousand rows in all is told well enough
LEAST_ROWS = 8  # of demonstrations, which a fit needs
# Four trajectories of 50 rows of HalfCheetah: 0.995 and 0.002 with other seeds, 0.96 and 0.06 with half of them.
SAME_ORDER, SAME_REWARD = 0.95, 0.1  # of other seeds: the least rank correlation, and the largest spread
ALIKE_ORDER, ALIKE_REWARD = 0.85, 0.15  # likewise of half of the demonstrations

Refitting = Callable[[int, Demonstrations, Step], Estimator]
"""Fits a reward with another seed or to other demonstrations; the last argument is called with the progress."""


@dataclass(frozen=True)
class Refit:
    """A reward that was fitted again.

    Attributes:
        what: What was changed, such as ``seed 1`` or ``a half of the trajectories``.
        seed: Whether it is the seed that was changed; else it is the number of demonstrations.
        rows: The number of demonstrated rows that it was fitted to.
        ranks: Spearman's correlation of what it pays for the rows of all probes with what the reward pays for them;
            None where one of the two pays all alike.
        held_out: What it pays for its own held-out rows.
        aurocs: How well it tells each probe from them, by name.
    """

    what: str
    seed: bool
    rows: int
    ranks: float | None
    held_out: float
    aurocs: dict[str, float]

    def farthest(self, sight: Sight) -> tuple[str, float] | None:
        """Return the probe whose AUROC differs most from that of the reward, and by how much it is higher."""
        changes = {name: auroc - sight.probes[name].auroc for name, auroc in self.aurocs.items()}
        return max(changes.items(), key=lambda each: abs(each[1]), default=None)


def refits(
    model: Estimator, demonstrations: Demonstrations, probes: Sequence[Probe], fit: Refitting, seed: int, step: Step
) -> tuple[Refit, ...]:
    """Fit a reward again with other seeds, and to fewer demonstrations.

    Args:
        model: The reward.
        demonstrations: What it was fitted to, or other rows of the same task.
        probes: The rows to ask about.
        fit: Fits with the reward's settings but for the seed.
        seed: The seed of the reward; the others follow it.
        step: Called with the progress.
    """
    some = [Probe(probe.name, evenly(probe.rows, MOST_ROWS)) for probe in probes]
    rows = Rows.joined([probe.rows for probe in some])
    first = _pays(model, rows)
    plans = [(f"seed {other}", other, demonstrations) for other in range(seed + 1, seed + 1 + SEEDS)]
    plans += [(what, seed, part) for what, part in parts_of(demonstrations)]
    found = []
    for number, (what, other, shown) in enumerate(plans):

        def told(doing: str, done: int, total: int, number: int = number, what: str = what) -> None:
            step(f"fitting again: {what}", number * total + done, len(plans) * total)

        again = fit(other, shown, told)
        seen = look(again, None, some, None, ranks=None, seed=seed, step=lambda doing, done, total: None)
        found.append(
            Refit(
                what,
                other != seed,
                shown.n_transitions,
                spearman(first, _pays(again, rows)),
                seen.expert.pays,
                {name: scored.auroc for name, scored in seen.probes.items()},
            )
        )
    return tuple(found)


def parts_of(demonstrations: Demonstrations) -> Iterator[tuple[str, Demonstrations]]:
    """Yield a half and a quarter of the trajectories, or of the rows of a single one, as far as a fit takes so few."""
    count = len(demonstrations)
    for name, divisor in PARTS:
        if count >= divisor:
            what, part = f"{name} of the trajectories", demonstrations.select(range(count // divisor))
        elif count == 1:
            (whole,) = demonstrations.trajectories
            every = replace(demonstrations, trajectories=(whole.rows(slice(None, None, divisor)),), offsets=())
            what, part = f"{name} of the rows", every
        else:
            continue
        if part.n_transitions >= LEAST_ROWS:
            yield what, part


def _pays(model: Estimator, rows: Rows) -> NDArray[np.float32]:
    return model.paid(rows, model.novelty_of(rows))


def refit_findings(found: Sequence[Refit], sight: Sight) -> Iterator[Finding]:
    """Yield what speaks against a reward that changes much from one fit to another."""
    seeds = [refit for refit in found if refit.seed]
    if changed := _changed(seeds, sight, SAME_ORDER, SAME_REWARD):
        yield Finding(
            "warning",
            "hangs-on-seed",
            f"fitted with other seeds, the reward is another one: {changed}",
            "use more demonstrations, or more updates (--updates) and folds (--folds); train with several seeds (rexd "
            "train --seeds), since one tells little",
        )
    half = [refit for refit in found if not refit.seed][:1]
    if changed := _changed(half, sight, ALIKE_ORDER, ALIKE_REWARD):
        yield Finding(
            "warning",
            "hangs-on-demonstrations",
            f"fitted to {half[0].what}, the reward is another one: {changed}. With more of them it would change again",
            "use more demonstrations: a smaller --subsample, or more --trajectories",
        )


def _changed(found: Sequence[Refit], sight: Sight, order: float, reward: float) -> str:
    """Say by what rewards that were fitted again differ; nothing where they do not differ much."""
    said = []
    ranks = [0.0 if refit.ranks is None else refit.ranks for refit in found]
    if min(ranks, default=1.0) < order:
        said.append(
            f"the rank correlation with what it pays for all probes is {min(ranks):.2f}; expected {order:g} or more"
        )
    held_out = [sight.expert.pays, *(refit.held_out for refit in found)]
    if max(held_out) - min(held_out) > reward:
        said.append(f"held-out rows earn {min(held_out):.2f} to {max(held_out):.2f}")
    return ", and ".join(said)
