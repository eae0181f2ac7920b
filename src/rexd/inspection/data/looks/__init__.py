"""Looks at one part of the data each, such as the actions or the ends of trajectories; each yields findings."""
