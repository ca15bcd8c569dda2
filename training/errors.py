"""What ends a verb with one line rather than a trace. Here so that whoever catches them need not load TensorFlow."""

from __future__ import annotations


class ExportError(Exception):
    """The run cannot be exported, or its graph is not the model it was made from."""


class SigningError(Exception):
    """The version is not signed. The message says why."""
