"""The verbs of the command, one thin module each, which holds its class ``Command``."""
