"""Gymnasium environments: making them, which spaces are supported, and what is hidden from a learner."""
