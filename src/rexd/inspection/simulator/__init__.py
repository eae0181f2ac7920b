"""Single demonstrated steps, replayed in a simulator, and what their errors show."""
