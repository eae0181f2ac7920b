"""Demonstrations: the types, the file formats, the checks."""

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.formats.rexd_npz import save_demonstrations
from rexd.demos.load import load_demonstrations
from rexd.demos.spaces import fit_to_spaces
from rexd.demos.trajectory import Trajectory
from rexd.demos.transitions import Transitions

__all__ = [
    "Demonstrations",
    "Trajectory",
    "Transitions",
    "fit_to_spaces",
    "load_demonstrations",
    "save_demonstrations",
]
