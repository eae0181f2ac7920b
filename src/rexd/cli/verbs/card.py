"""``rexd card``: write the model card of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rexd.cli.show.output import note, print_json
from rexd.files import atomic_path

CARD_FILE = "README.md"


@dataclass(frozen=True)
class Command:
    """Write the model card of a run, a README.md in the format of the Hugging Face hub.

    Its header holds the tags and the measured mean return; its text says how the policy was trained, what it reaches,
    its limits, and the commands that repeat it. Look it over before you publish it: it names the files of the run's
    command.

    Examples:
        rexd card runs/hopper
        rexd card runs/hopper -o README.md
    """

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The folder of a finished run."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """The file to write, which is replaced if it exists. None: README.md in the run folder."""
    json: bool = False
    """Print the results as one JSON document."""

    def run(self) -> None:
        """Read the run, and write its card."""
        from rexd.report.card import card_of
        from rexd.rl.training.run_folder import load_run

        run = load_run(self.source)
        text = card_of(run)
        path = self.output or run.path / CARD_FILE
        with atomic_path(path) as temporary:
            temporary.write_text(text, "utf-8")
        if self.json:
            print_json({"run": str(run.path), "card": str(path)})
            return
        note(f"wrote {path}")
