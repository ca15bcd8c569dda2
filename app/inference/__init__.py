"""Images become probabilities: the session on its device, the batcher before it, explanations."""
