"""Reward models: the contract, RED, calibration, files."""
