"""What a run reached, for people: the model card and its pictures."""
