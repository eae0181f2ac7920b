"""Fitted models that several modules look at, and that none may change."""

import pytest
from circling import TINY, VELOCITIES, circling, sparse

from rexd.reward.red.red import RED


@pytest.fixture(scope="session")
def tiny():
    """A small model of the circling expert; its rewards mean little."""
    return RED(seed=0, **TINY).fit(circling())


@pytest.fixture(scope="session")
def sparse_expert():
    """200 rows of the circling expert, with 3800 left out."""
    return sparse()


@pytest.fixture(scope="session")
def expert(sparse_expert):
    """A model of full width, fitted for a quarter of the default's updates to 200 rows."""
    return RED(updates=250).fit(sparse_expert, velocity_columns=VELOCITIES)
