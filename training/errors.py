"""The errors that end a command with one line instead of a traceback.

    TrainingError
    +-- ConfigError     a setting is out of its range, or contradicts another or those that a run was started with
    +-- RunError        a run folder holds results already, is in use, or cannot be continued
    +-- DataError       a data set, a run, a version or a teacher is missing or damaged
    +-- PackageError    a package cannot be downloaded, or is not the pinned one
    +-- ExportError     the run cannot be exported, or its graph differs from the Keras model
    +-- CompressionError  the int8 graph or the pruned network does not pay, or the graph is not of this run
    +-- SigningError    the version was not signed

Each message says what to do. They are defined here so that a caller can catch them without loading TensorFlow.
"""

from __future__ import annotations


class TrainingError(Exception):
    """A command of `python -m training` cannot do its work."""


class ConfigError(TrainingError):
    """A setting is out of its range, or contradicts another one or those that a run was started with."""


class RunError(TrainingError):
    """A run folder holds results already, is in use by another process, or cannot be continued."""


class DataError(TrainingError):
    """A data set, a run, a version or a teacher is missing or damaged."""


class PackageError(TrainingError):
    """A package cannot be downloaded, or its file is not the pinned one."""


class ExportError(TrainingError):
    """The run cannot be exported, or its graph differs from the Keras model."""


class CompressionError(TrainingError):
    """An int8 graph or a pruned network is not faster or not as good as before, or the graph is of another run."""


class SigningError(TrainingError):
    """The version was not signed."""
