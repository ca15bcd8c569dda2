"""Who asked for what: an append-only log of administrative acts, whose records are chained by their hashes."""
