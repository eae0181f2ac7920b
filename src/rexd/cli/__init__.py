"""The command ``rexd``: it finds the verb and runs it.

Each verb is the class ``Command`` of the module ``rexd.cli.verbs.<verb>``. The module is imported only when its verb is
called, so that ``rexd --help`` is quick.
"""

from __future__ import annotations

import ast
import os
import shlex
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from importlib.resources import files
from io import TextIOWrapper

from rexd.errors import RexdError, did_you_mean
from rexd.files import is_full

VERBS = (
    "inspect", "convert", "fit", "diagnose", "score", "relabel", "train", "evaluate", "collect", "report", "card",
    "export", "benchmark", "demo",
)  # fmt: skip
"""The verbs, in the order of ``rexd --help``. What a verb does is said by the docstring of its ``Command``."""

EXAMPLES = (
    "rexd demo",
    "rexd inspect demos.npz --env Hopper-v5",
    "rexd train demos.npz --env Hopper-v5 --trajectories 4 --subsample 20 --out runs/hopper",
    "rexd evaluate runs/hopper --episodes 20",
)
FAILED, INTERRUPTED = 2, 130
WIDTH = 100  # columns of the list of verbs


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a verb whose work can be continued later.

    Attributes:
        folder: The folder that keeps the work.
        command: The words after ``rexd`` that continue it. None stands for the same command with ``--resume``, and an
            empty sequence for the same command as it is.
        kept: What the folder keeps.
    """

    def __init__(
        self, folder: object, command: Sequence[str] | None = None, kept: str = "the last evaluated state"
    ) -> None:
        """Keep what the message to the user needs."""
        super().__init__()
        self.folder, self.command, self.kept = folder, command, kept


def main(args: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        args: The words after ``rexd``; None takes them from the process.

    Returns:
        The exit status. It is 0 for success; 1 if ``inspect``, ``diagnose`` or ``train --strict`` has warnings or runs
        of ``benchmark`` crashed; 2 for an error that the user can mend, which is printed in one line, or if one of the
        first three finds errors; 3 if ``inspect`` or ``diagnose`` cannot read what it is given; 130 after Ctrl-C.
    """
    from rexd.rl.training.provenance import COMMAND_LINE

    words = list(sys.argv[1:] if args is None else args)
    before = COMMAND_LINE.set(["rexd", *words])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ± or σ shows ? in their place
    try:
        return _dispatch(words)
    except RexdError as error:
        return _fail(str(error))
    except Interrupted as stopped:
        again = words if "--resume" in words or stopped.command is not None else [*words, "--resume"]
        command = shlex.join(["rexd", *(stopped.command or again)])
        print(
            f"\nrexd: interrupted; {stopped.folder} keeps {stopped.kept}. Go on with: {command}",
            file=sys.stderr,
        )
        return INTERRUPTED
    except KeyboardInterrupt:
        print("\nrexd: interrupted; nothing to resume, give the same command to start again", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe (head, less) has ended. Without this Python would raise again as it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if is_full(error):
            place = "" if error.filename is None else f"{error.filename}: "
            return _fail(f"{place}no space is left on the disk; free some, and give the same command again")
        if error.filename is None:  # the error is not about a file that the user named
            raise
        return _fail(f"{error.filename}: {error.strerror}; check the path, its permissions and the space left")
    finally:
        COMMAND_LINE.reset(before)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] in ("-V", "--version"):
        from rexd import __version__

        print(f"rexd {__version__}")
        return 0
    verb = words[0]
    if verb not in VERBS:
        known = f"The verbs are {', '.join(VERBS)}; rexd --help says what they do"
        return _fail(f"no verb {verb!r}.{did_you_mean(verb, VERBS)} {known}")
    from rexd.cli.estimators import with_estimator
    from rexd.cli.parse import parse

    kind = with_estimator(import_module(f"rexd.cli.verbs.{verb}").Command, words[1:])
    try:
        command = parse(kind, f"rexd {verb}", words[1:])
    except SystemExit as ended:  # after --help, or after an error that tyro has printed
        return int(ended.code or 0)
    return int(command.run() or 0)  # some verbs return an exit status


def _help() -> str:
    indent = max(map(len, VERBS)) + 4
    verbs = "\n".join(
        textwrap.fill(_summary(verb), WIDTH, initial_indent=f"  {verb}".ljust(indent), subsequent_indent=" " * indent)
        for verb in VERBS
    )
    examples = "\n".join(f"  {line}" for line in EXAMPLES)
    return (
        "usage: rexd VERB [options]\n\n"
        "Random EXpert Distillation: demonstrations into a reward, and the reward into a policy.\n\n"
        f"verbs:\n{verbs}\n\nexamples:\n{examples}\n\n"
        "rexd VERB --help lists the options of a verb. With --json every verb prints one JSON document.\n"
        "Exit status: 0 for success; 1 for warnings of inspect, diagnose and train --strict, and crashed runs of\n"
        "benchmark; 2 for an error, whose message says how to mend it, and for errors that these three find; 3 where\n"
        "inspect and diagnose cannot read what they are given; 130 after Ctrl-C."
    )


def _summary(verb: str) -> str:
    """Return the first line of a verb's docstring, read from its source: importing the verb would load NumPy."""
    source = files("rexd.cli.verbs").joinpath(f"{verb}.py").read_text("utf-8")
    command = next(n for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == "Command")
    return (ast.get_docstring(command) or "").partition("\n")[0]


def _fail(message: str) -> int:
    from rexd.cli.show.output import print_error

    print_error(message)
    return FAILED
