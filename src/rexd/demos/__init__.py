"""The types of demonstrations, which all other packages use. No file format is known here."""

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import fit_to_spaces
from rexd.demos.trajectory import Trajectory
from rexd.demos.transitions import Transitions

__all__ = ["Demonstrations", "Trajectory", "Transitions", "fit_to_spaces"]
