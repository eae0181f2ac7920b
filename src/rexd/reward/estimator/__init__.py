"""What estimators of novelty share: folds, inputs, the order of a fit, and their files."""
