"""Bytes into arrays without trust: npz, HDF5, Arrow, Parquet, text and pickles."""
