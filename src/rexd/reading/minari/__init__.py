"""Minari's layout on disk: its spaces, the episodes in each of its storages, and writing them."""
