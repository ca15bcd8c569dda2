"""What the audit log says of an exchange: which versions come and go, which are refused, which labels move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.audit.record import Act
from app.repository.refusal import ALL_MODELS, Refusals, lasting
from app.repository.servable import Servable


def exchanged(name: str, old: Mapping[int, Servable], new: Mapping[int, Servable]) -> Iterator[Act]:
    """The versions that are loaded and unloaded. One that is loaded anew replaces itself."""
    for version, servable in sorted(new.items()):
        if servable is not old.get(version):
            yield Act("load", f"{name}/{version}", "done", f"sha256 {servable.manifest.sha256}")
    for version in sorted(old.keys() - new.keys()):
        yield Act("unload", f"{name}/{version}", "done")


def refused(name: str, before: Refusals, now: Refusals) -> Iterator[Act]:
    """The refusals that are new; not those of files that may still be being copied."""
    before, now = lasting(before), lasting(now)
    for entry, refusal in sorted(now.items()):
        if entry not in before or before[entry].reason != refusal.reason:
            subject = "all models" if name == ALL_MODELS else f"{name}/{entry}"
            yield Act("load", subject, "refused", refusal.reason)


def relabelled(name: str, old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[Act]:
    for label in sorted(old.keys() | new.keys()):
        if old.get(label) != new.get(label):
            version = f"version {new[label]}" if label in new else "no version"
            yield Act("label", f"{name}/{label}", "done", f"names {version}")
