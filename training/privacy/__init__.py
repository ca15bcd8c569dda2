"""Training with differential privacy, and the attack that measures what a model gives away about its training data."""
