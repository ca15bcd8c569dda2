"""Adaptation: a published version learns a user's own pictures and forgets nothing."""
