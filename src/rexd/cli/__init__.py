"""The command ``rexd``: one thin verb a file, imported only when it is called, so that help is quick."""

from __future__ import annotations

import difflib
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from inspect import getdoc
from io import TextIOWrapper

from rexd.errors import RexdError

VERBS = {
    "inspect": "show what a demonstration file holds",
    "convert": "mend a demonstration file, and write it as Minari, npz or D4RL",
    "fit": "fit a reward to demonstrations, and check it",
    "score": "the rewards of a demonstration file",
    "train": "demonstrations into a reward and a policy",
    "evaluate": "play a policy and sum up its returns; --video films it",
    "collect": "record demonstrations with a policy",
    "benchmark": "a suite of tasks, methods and seeds, and what they show",
    "demo": "the whole way, with the demonstrations that rexd ships",
}
"""Each verb is the class ``Command`` of the module ``rexd.cli.verbs.<verb>``."""

EXAMPLES = (
    "rexd demo",
    "rexd inspect demos.npz --env Hopper-v5",
    "rexd train demos.npz --env Hopper-v5 --trajectories 4 --subsample 20 --out runs/hopper",
    "rexd evaluate runs/hopper --episodes 20",
)
FAILED, INTERRUPTED = 2, 130


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a verb that can go on later.

    Attributes:
        folder: What is kept.
        command: What goes on with it; None for the same command with ``--resume``, empty for the same as it is.
    """

    def __init__(self, folder: object, command: Sequence[str] | None = None) -> None:
        """Remember what to tell the user."""
        super().__init__()
        self.folder, self.command = folder, command


def main(args: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        args: The words after ``rexd``; None takes those of the process.

    Returns:
        The exit status: 0; 1 where ``inspect`` warns or runs of ``benchmark`` crashed; 2 for whatever the user can
        mend, told in one line, or where ``inspect`` finds errors; 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if args is None else args)
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
            f"\nrexd: interrupted; {stopped.folder} keeps the last evaluated state. Go on with: {command}",
            file=sys.stderr,
        )
        return INTERRUPTED
    except KeyboardInterrupt:
        print("\nrexd: interrupted; nothing to resume, give the same command to start again", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; a second error while Python flushes would say nothing more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.filename is None:  # not about a file that the user named
            raise
        return _fail(f"{error.filename}: {error.strerror}; check the path, its permissions and the space left")


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
        close = difflib.get_close_matches(verb, VERBS, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        return _fail(f"no verb {verb!r}.{meant} The verbs are {', '.join(VERBS)}; rexd --help says what they do")
    import tyro

    kind = import_module(f"rexd.cli.verbs.{verb}").Command
    try:
        command = tyro.cli(
            kind,
            prog=f"rexd {verb}",
            description=getdoc(kind),
            args=words[1:],
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    except SystemExit as ended:  # help, or what tyro has told of already
        return int(ended.code or 0)
    return int(command.run() or 0)  # a verb may have a status of its own


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:{width}}  {what}" for name, what in VERBS.items())
    examples = "\n".join(f"  {line}" for line in EXAMPLES)
    return (
        "usage: rexd VERB [options]\n\n"
        "Random EXpert Distillation: demonstrations into a reward, and the reward into a policy.\n\n"
        f"verbs:\n{verbs}\n\nexamples:\n{examples}\n\n"
        "rexd VERB --help lists the options of a verb. --json, which all know, prints one JSON document.\n"
        "Exit status: 0; 1 for warnings of inspect and crashed runs of benchmark; 2 for an error that the message\n"
        "says how to mend; 130 after Ctrl-C."
    )


def _fail(message: str) -> int:
    from rexd.cli.show.text import plain

    print(f"rexd: error: {plain(message)}", file=sys.stderr)
    return FAILED
