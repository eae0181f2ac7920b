"""Who watches a training run: a progress bar, whoever is told of its episodes, or nobody."""
