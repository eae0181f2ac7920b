"""The learners on Stable-Baselines3 (PyTorch): SAC with demonstrations, and PPO."""
