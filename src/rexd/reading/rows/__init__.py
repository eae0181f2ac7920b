"""Turning rows and columns, under the names that each tool gives them, into trajectories."""
