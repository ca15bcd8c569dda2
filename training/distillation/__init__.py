"""Distillation: the synthetic dataset that networks learn from, and the soft targets that teachers give it."""
