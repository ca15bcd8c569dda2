"""What is on disk but not served, and why."""

from __future__ import annotations

import logging
from typing import NamedTuple

from app.observability.metrics import observe_refused
from app.repository.version_folders import FileStates

logger = logging.getLogger(__name__)

WHOLE_FOLDER = "."


class Refusal(NamedTuple):
    """Why an entry of a model's folder is not served. It is tried again once its files are other ones."""

    reason: str
    files: FileStates = frozenset()


Refusals = dict[str, Refusal]  # by entry of one model's folder: a version, labels.json or WHOLE_FOLDER


def report(name: str, before: Refusals, now: Refusals) -> None:
    """Logs the refusals that are new, and sets the metric of all entries whose refusal came or went."""
    for _, refusal in now.items() - before.items():
        logger.warning("refused: %s", refusal.reason)
    for entry in before.keys() ^ now.keys():
        observe_refused(name, entry, refused=entry in now)


def reasons(refusals: Refusals) -> str:
    return "; ".join(refusal.reason for _, refusal in sorted(refusals.items()))
