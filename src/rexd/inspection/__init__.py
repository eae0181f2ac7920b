"""What is wrong with demonstrations, seen in the data and by a simulator, and the mends; see ``inspect``."""
