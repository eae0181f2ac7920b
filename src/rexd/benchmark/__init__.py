"""Many training runs, and what they show together: ``rexd benchmark``.

A suite (``suite``) expands to runs (``runs``). Each is executed (``execute``) in a process of its own (``worker``),
several at a time (``schedule``); ``rexd.cli.show.benchmark`` shows how they do. What came of them, whatever is there
by now, becomes scores (``scores``), tables (``tables``), a figure (``figures``), one page and the marked sections of
documents (``documents``).
"""
