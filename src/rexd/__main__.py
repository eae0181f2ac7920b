"""``python -m rexd``: the same as the command ``rexd``."""

from rexd.cli import main

raise SystemExit(main())
