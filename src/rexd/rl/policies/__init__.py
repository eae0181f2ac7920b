"""Policies as plain weights, and behavioural cloning, which fits one to demonstrations."""
