"""The audit of a published version: what it withstands, whom it serves, what it gives away, and how it was made."""
