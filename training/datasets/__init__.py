"""The data sets that others made: MNIST, and those that pinned packages carry."""
