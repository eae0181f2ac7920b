"""Pickles and torch files, read without executing what they ask for."""
