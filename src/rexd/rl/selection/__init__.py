"""Which policy of a run is kept, and the process that finds it out beside the training."""
