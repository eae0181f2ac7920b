"""Callbacks of Stable-Baselines3 and sbx that drive a reward model."""
