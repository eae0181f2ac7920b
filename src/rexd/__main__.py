"""The entry point of ``python -m rexd``, which is the same as the command ``rexd``."""

from rexd.cli import main

raise SystemExit(main())
