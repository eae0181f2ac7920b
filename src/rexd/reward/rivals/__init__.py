"""Rivals of RED behind the same contract; each differs from it in the novelty alone."""
