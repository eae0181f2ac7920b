"""One training run: fit the reward, train, evaluate, select, and keep the results in a folder."""
