"""Many training runs, and what they show together: ``rexd benchmark``.

A suite (``suite``) expands to runs (``runs``); each is executed in a process of its own (``execute``), several at a
time (``schedule``), by ``worker``; ``rexd.cli.benchmark_live`` shows how they do. What came of them, whatever is there by now, becomes
tables (``scores``, ``tables``), figures (``figures``), one page (``page``), and the marked sections of documents
(``documents``).
"""
