"""Where trajectories end, and what ended them: from what a file records, and otherwise from what its rows show."""
