"""Containers (npz, HDF5, Arrow, Parquet, text, pickles and torch files), read without trusting their content."""
