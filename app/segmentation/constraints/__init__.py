"""What the text of a line must satisfy: a length, a pattern, one of some values, a checksum; each an automaton."""
