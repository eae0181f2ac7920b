"""A logger of reward models that remembers what it was told."""


class Recording:
    def __init__(self):
        self.calls = []

    def add_scalar(self, *call):
        self.calls.append(call)
