"""The process of one seed: ``python -m rexd.cli.seeds.worker PARENT CORE WORDS``, which ends when its parent does."""

from __future__ import annotations

import os
import sys
import threading


def main(words: list[str]) -> int:
    """Run one command of rexd, on one core if that is a number, as long as the process PARENT lives."""
    parent, core, *command = words
    if core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})  # before any library starts threads, hence the imports below
    from rexd.benchmark.worker import follow
    from rexd.cli import main as rexd

    threading.Thread(target=follow, args=(int(parent),), daemon=True).start()
    return rexd(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
