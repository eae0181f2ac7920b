"""Record demonstrations of PointMaze_UMaze-v3 by a controller that knows the maze.

python scripts/point_maze_demonstrations.py PointMaze_UMaze-v3.npz --episodes 25 --seed 0
"""

from __future__ import annotations

import argparse
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rexd
from rexd.demos.demonstrations import Demonstrations
from rexd.envs.factory import EnvironmentFactory
from rexd.evaluation.rollouts import rollout

ENV = "gymnasium_robotics:PointMaze_UMaze-v3"
STIFFNESS, DAMPING = 10.0, 2.0
Cell = tuple[int, int]


def next_cell(walls: list[list[Any]], here: Cell, goal: Cell) -> Cell:
    """Return the cell after ``here`` on a shortest way to the goal, by a search that begins at the goal."""
    after, waiting = {goal: goal}, deque([goal])
    while here not in after:
        row, column = waiting.popleft()
        for cell in ((row, column + 1), (row + 1, column), (row, column - 1), (row - 1, column)):
            if cell not in after and walls[cell[0]][cell[1]] != 1:
                after[cell] = (row, column)
                waiting.append(cell)
    return after[here]


class Controller:
    """Steers a damped spring from cell to cell, and in the last one to the goal."""

    def __init__(self, maze: Any) -> None:
        """Take the maze of the environment."""
        self.maze = maze

    def predict(self, observation: NDArray[Any], *, deterministic: bool = True) -> tuple[NDArray[Any], None]:
        """Return forces (n, 2) for observations (n, 8): achieved goal, desired goal, position and velocity."""
        return np.stack([self._force(row) for row in observation]).astype(np.float32), None

    def _force(self, row: NDArray[Any]) -> NDArray[Any]:
        goal, position, velocity = row[2:4], row[4:6], row[6:8]
        here, there = (tuple(map(int, self.maze.cell_xy_to_rowcol(place))) for place in (position, goal))
        cell = next_cell(self.maze.maze_map, here, there)
        target = goal if cell == there else self.maze.cell_rowcol_to_xy(np.array(cell))
        return np.clip(STIFFNESS * (target - position) - DAMPING * velocity, -1.0, 1.0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--episodes", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    make = EnvironmentFactory(ENV, {"continuing_task": False})
    played = rollout(make, Controller(make().unwrapped.maze), asked.episodes, seed=asked.seed)
    rexd.save_demonstrations(Demonstrations(tuple(played), source="controller", env_id=ENV), asked.file)
    print(f"{len(played)} episodes of {min(map(len, played))} to {max(map(len, played))} steps, ", end="")
    print(f"{sum(bool(t.terminated[-1]) for t in played)} of them reached the goal: {asked.file}")
