"""Rows and columns, named as each tool names them, into trajectories."""
