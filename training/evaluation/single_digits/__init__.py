"""Pictures of one digit that are hard to prepare: crops, coloured grounds, and what is drawn around a digit."""
