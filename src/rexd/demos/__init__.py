"""Demonstrations: the types, the file formats, the checks."""

from rexd.demos.demonstrations import Demonstrations, Transitions
from rexd.demos.trajectory import Trajectory

__all__ = ["Demonstrations", "Trajectory", "Transitions"]
