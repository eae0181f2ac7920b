"""One training run: fit the reward, learn, evaluate, select, and keep it all in a folder."""
