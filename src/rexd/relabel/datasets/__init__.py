"""The datasets that can be relabelled: how each is read in the order of its rows, and how its copy is written."""
