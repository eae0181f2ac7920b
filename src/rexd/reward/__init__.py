"""Reward models: the contract, what all of them share, and one room for each kind (``red``)."""
