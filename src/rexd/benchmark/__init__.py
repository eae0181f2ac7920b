"""Many training runs and the comparison of their results: ``rexd benchmark``.

A suite (``suite``) expands to runs (``runs``). Each run is executed (``execute``) in its own process (``worker``), and
several run at a time (``schedule``); ``rexd.cli.show.benchmark`` shows their progress. The results that exist are
summarised as scores (``scores``), tables (``tables``), a figure (``figures``), an HTML page and the marked sections of
documents (``documents``).
"""
