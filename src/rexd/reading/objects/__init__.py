"""Objects in memory: pairs of arrays, buffers of Stable-Baselines3, episodes and steps of other libraries."""
