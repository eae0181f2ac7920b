"""Environments whose reward is learnt, one file for each interface; names are loaded from ``rexd.rl``."""
