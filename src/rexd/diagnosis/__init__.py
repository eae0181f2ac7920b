"""The doctor: whether a reward can work, in seconds and before any reinforcement learning; see docs/diagnose.md."""
