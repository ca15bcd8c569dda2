"""The errors that end a command with one line instead of a traceback.

    TrainingError
    +-- DataError       a data set, a run, a version or a teacher is missing or damaged
    +-- PackageError    a package cannot be downloaded, or is not the pinned one
    +-- ExportError     the run cannot be exported, or its graph differs from the Keras model
    +-- SigningError    the version was not signed

Each message says what to do. They are defined here so that a caller can catch them without loading TensorFlow.
"""

from __future__ import annotations


class TrainingError(Exception):
    """A command of `python -m training` cannot do its work."""


class DataError(TrainingError):
    """A data set, a run, a version or a teacher is missing or damaged."""


class PackageError(TrainingError):
    """A package cannot be downloaded, or its file is not the pinned one."""


class ExportError(TrainingError):
    """The run cannot be exported, or its graph differs from the Keras model."""


class SigningError(TrainingError):
    """The version was not signed."""
