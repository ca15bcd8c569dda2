"""What is on disk but not served, and why."""

from __future__ import annotations

import logging
from typing import NamedTuple

from app.observability.metrics import observe_refused
from app.repository.files import FileStates

logger = logging.getLogger(__name__)

ALL_MODELS = "*"  # as a model: the models folder
WHOLE_FOLDER = "."  # as an entry: the folder of a model


class Refusal(NamedTuple):
    """Why an entry of a model's folder is not served."""

    reason: str
    files: FileStates = frozenset()  # of a version, when it was refused: it is tried again once they are other ones
    transient: bool = False  # it is tried again although they are the same: the disk has failed
    provisional: bool = False  # its files have just changed: it may still be being copied


Refusals = dict[str, Refusal]  # by entry of one model's folder: a version, labels.json or WHOLE_FOLDER


def report(name: str, before: Refusals, now: Refusals) -> None:
    """Logs the refusals that are new, and sets the metric of all entries whose refusal came or went."""
    before, now = lasting(before), lasting(now)
    for entry, refusal in now.items():
        if entry not in before or before[entry].reason != refusal.reason:
            logger.warning("refused: %s", refusal.reason)
    for entry in before.keys() ^ now.keys():
        observe_refused(name, entry, refused=entry in now)


def lasting(refusals: Refusals) -> Refusals:
    return {entry: refusal for entry, refusal in refusals.items() if not refusal.provisional}


def reasons(refusals: Refusals) -> str:
    return "; ".join(refusal.reason for _, refusal in sorted(refusals.items()))
