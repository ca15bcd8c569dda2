"""Making a version by its recipe: the steps that are not done yet, each in a process of its own."""
