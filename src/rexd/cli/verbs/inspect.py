"""``rexd inspect``: show what a demonstration file holds, and what is wrong with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated

import tyro

from rexd.cli import options as opt
from rexd.cli.show.facts import print_described
from rexd.cli.show.findings import STATUSES, UNREADABLE, print_findings
from rexd.cli.show.output import note, print_error, print_json
from rexd.cli.show.waiting import Waiting
from rexd.errors import RexdError


@dataclass(frozen=True)
class Command:
    """Show what demonstration files hold, their faults, and the option that mends each.

    The format is recognised by the content: rexd's own npz, a local Minari dataset (folder or id), LeRobot, imitation,
    D4RL, robomimic, Stable-Baselines, or a pickle, torch, npy, npz, HDF5 or text file in the layout of another tool
    (docs/formats.md); --formats lists them. Nothing in a file is executed. With --env, single steps are replayed in the
    simulator if it exposes its state. This finds actions that are shifted or scaled, and a wrong environment.
    docs/inspect.md lists all findings.

    The exit status is 0 without faults, 1 with warnings, 2 with errors, and 3 if there is nothing to inspect since the
    file, the environment or an option cannot be used. With --json the document's "status" says the same: ok, warnings,
    errors or unreadable; where it is unreadable, "error" has the message.

    Examples:
        rexd inspect demos.npz
        rexd inspect Hopper-v2.pkl --env Hopper-v5
        rexd inspect Ant-v2.pkl --columns 0:27 --subsample 20
        rexd inspect 'episodes/*.npz' --env Hopper-v5
        rexd inspect Ant-v2.pkl --episode-length 1000 --columns 0:27 --json
        rexd inspect --formats
    """

    files: opt.Files = ()
    """Files, folders, patterns in quotes ('episodes/*.npz'), ids of local Minari datasets, or 'bundled' for the
    demonstrations that rexd ships. The files of a folder that is no dataset are read in the order of their numbers."""
    data: Annotated[opt.DataOptions, tyro.conf.arg(name="")] = field(default_factory=opt.DataOptions)
    subsample: Annotated[int, tyro.conf.arg(metavar="K")] = 1
    """The stride that rexd fit or rexd train will get: a finding tells where it leaves out a part of a cycle."""
    json: bool = False
    """Print the results as one JSON document."""

    formats: bool = False
    """List the formats that are read, what each holds and its tool, and do nothing else."""

    def run(self) -> int:
        """Read the file, and print its facts and the findings."""
        from rexd.cli.inspection import inspect_files
        from rexd.inspection.data import exit_status

        if self.formats:
            self._list_formats()
            return 0
        if self.subsample < 1:
            raise RexdError(f"--subsample {self.subsample} keeps no row; expected 1 or more")
        opt.is_bundled(self.files)  # refuses a command that names nothing
        try:
            with Waiting("reading") as waiting:
                found, findings = inspect_files(self.files, self.data, waiting.step, self.subsample)
        except RexdError as error:
            if self.json:
                named = {"kind": type(error).__name__, "message": str(error)}
                print_json({"file": opt.named(self.files), "status": STATUSES[UNREADABLE], "error": named})
            print_error(error)
            return UNREADABLE
        if self.json:
            status = STATUSES[exit_status(findings)]
            print_json({**found, "status": status, "findings": [asdict(finding) for finding in findings]})
            return exit_status(findings)
        print_described(found)
        for text in found["notes"]:
            note(text)
        print_findings(findings)
        if self.data.env is None and found["env_id"] is not None:
            note(f"--env {found['env_id']} compares columns and actions with the environment, and replays steps")
        return exit_status(findings)

    def _list_formats(self) -> None:
        from rexd.cli.show.formats import listed_formats, print_formats

        if self.json:
            print_json({"formats": listed_formats()})
        else:
            print_formats()
