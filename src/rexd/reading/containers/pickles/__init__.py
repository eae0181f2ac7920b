"""Pickles and torch files, read without executing anything that they ask for."""
