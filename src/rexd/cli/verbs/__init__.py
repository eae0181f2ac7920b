"""The verbs of the command: one module for each, which holds its options as the class ``Command``."""
