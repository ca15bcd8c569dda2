"""The synthetic data set and its soft targets, made once from an ensemble of teachers."""
