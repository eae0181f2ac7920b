"""Random Expert Distillation: the estimator, the fitted reward and their parts."""
