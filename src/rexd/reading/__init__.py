"""From a file, a folder, a dataset id or memory to ``Demonstrations``."""
