"""Single steps replayed in the simulator, and what the errors say about a recording."""
