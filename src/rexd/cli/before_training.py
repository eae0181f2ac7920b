"""What ``rexd train`` asks of a reward before any reinforcement learning: the doctor's quick part, and ``--strict``.

The probes are those of ``rexd diagnose``, with the episodes that the fit has played already; clones with noise are not
played. Nothing of it enters the training.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rexd.cli.show.findings import STATUSES
from rexd.cli.show.output import note
from rexd.errors import RexdError, RunError
from rexd.files import read_json, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from rexd.demos.demonstrations import Demonstrations
    from rexd.reward.estimator.estimator import Estimator
    from rexd.rl.training.reward_in_env import Played


class Examination:
    """Diagnoses the reward of a run once, keeps what was found in the run folder, and shows it.

    Attributes:
        strict: Whether warnings and errors end the run before its training.
    """

    def __init__(self, folder: Path, *, strict: bool) -> None:
        """Take the folder of the run."""
        from rexd.rl.training.run_folder import DIAGNOSIS_FILE

        self.strict, self._path = strict, folder / DIAGNOSIS_FILE

    @property
    def status(self) -> int:
        """The exit status of what was found, as that of ``rexd diagnose``; 0 where nothing is kept.

        Raises:
            RunError: What the folder keeps is damaged.
        """
        return STATUSES.index(self.kept()["status"]) if self._path.is_file() else 0

    @property
    def stops(self) -> bool:
        """Whether the run ends before its training."""
        return self.strict and self.status > 0

    def kept(self) -> dict[str, Any]:
        """Return what the run folder keeps of the diagnosis.

        Raises:
            RunError: It is damaged.
        """
        mend = "Delete it, and train without --strict; or train anew in another folder"
        found = read_json(self._path, RunError, mend)
        if found.get("status") not in STATUSES:
            raise RunError(f"{self._path}: has no status; expected one of {', '.join(STATUSES)}. {mend}")
        return found

    def examine(
        self, model: Estimator, demonstrations: Demonstrations, played: Played | None, console: Console
    ) -> bool:
        """Diagnose a reward, and return whether the run goes on; the arguments are those of ``Examine``."""
        from rexd.cli.show.diagnosis import print_short
        from rexd.diagnosis.diagnose import diagnose
        from rexd.inspection.data.finding import exit_status

        kind = model.config.type
        velocities = None if played is None else played.velocities
        try:
            (found,) = diagnose(
                {kind: model}, demonstrations, played=played, velocities=velocities, seed=model.config.seed
            )
        except RexdError as error:
            note(f"the reward is not diagnosed: {error}", console)
            return True
        status = STATUSES[exit_status(found.findings)]
        write_json(self._path, {"status": status, **found.to_dict()})
        print_short(found, console)
        return not self.stops
