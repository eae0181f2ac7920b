"""From a file, a folder, a dataset id or memory to ``Demonstrations``."""

BUNDLED = "bundled"
"""What users write in place of a file to use the demonstrations that rexd ships."""
