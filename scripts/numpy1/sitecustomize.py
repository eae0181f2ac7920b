"""Python starts with this when `make test-numpy1` puts its folder on PYTHONPATH.

numpy 1.26 is for the core alone: jax, minari and others are built for numpy 2. Here they are found to be not installed,
so that the tests which need them are skipped, in pytest's own process and in every one that a test starts.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder

OTHERS = "flax gymnasium h5py jax matplotlib minari mujoco pyarrow sbx scipy stable_baselines3"
NOT_CORE = set(OTHERS.split())


class CoreFinder(PathFinder):
    """Finds what the ordinary finder finds, except the optional packages."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None) -> ModuleSpec | None:
        """Return None, as for a package that is not there, if it is optional."""
        return None if fullname.partition(".")[0] in NOT_CORE else super().find_spec(fullname, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = CoreFinder
