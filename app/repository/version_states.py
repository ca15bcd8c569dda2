"""The versions of all models, served or not, as control protocols list them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from app.repository.refusal import Refusals
from app.repository.servable import Servable
from app.repository.version_folders import ModelFolder


class VersionState(NamedTuple):
    """A version that is served, on disk, or both."""

    name: str
    version: int
    ready: bool
    reason: str  # why it is not served


def states_of(
    on_disk: Mapping[str, ModelFolder],
    servables: Mapping[str, Mapping[int, Servable]],
    refusals: Mapping[str, Refusals],
) -> list[VersionState]:
    """By name, then version. All by model."""
    found = {(name, version.version) for name, folder in on_disk.items() for version in folder.versions}
    served = {(name, version) for name, versions in servables.items() for version in versions}
    return [
        VersionState(name, version, True, "")
        if (name, version) in served
        else VersionState(name, version, False, reason_of(refusals.get(name, {}), version))
        for name, version in sorted(found | served)
    ]


def reason_of(refusals: Refusals, version: int) -> str:
    refusal = refusals.get(str(version))
    return refusal.reason if refusal else "It is not loaded."
