"""The networks: architectures, training alone or on several machines, weight averages, and starting from a version."""
