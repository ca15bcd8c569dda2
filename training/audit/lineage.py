"""Where a version comes from, by its manifest, and whether it is signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.errors import ModelRefused, StartupError
from app.repository.manifest import Manifest, read_version
from app.repository.signature import SIGNATURE_FILE, Signer
from training.errors import DataError


def check_unsigned(folder: Path) -> None:
    """Raises `DataError` if a new file would make the version's signature invalid."""
    if (folder / SIGNATURE_FILE).exists():
        raise DataError(
            f"{folder} is signed, and an audit in it would not be: write it elsewhere with --out, or delete "
            f"{SIGNATURE_FILE}, audit, and sign again"
        )


def signature_state(folder: Path, public_key: Path | None) -> str:
    """Verified, signed or unsigned. Raises `DataError` if the key is none or the signature is not valid for it."""
    if not (folder / SIGNATURE_FILE).exists():
        return "unsigned"
    if public_key is None:
        return f"signed, but not verified: no public key was given ({SIGNATURE_FILE})"
    try:
        read_version(folder.resolve(), Signer.read(public_key))
    except (ModelRefused, StartupError) as error:
        raise DataError(str(error)) from error
    return f"verified with {public_key.name}"


def describe_lineage(manifest: Manifest) -> list[tuple[str, str]]:
    """What and how, in the order in which it was made. What older manifests do not record is said."""
    return [
        *describe_data(manifest.data),
        ("architecture", str(manifest.config.get("arch", "not recorded"))),
        ("started from", str(manifest.config.get("start_from") or "random weights")),
        ("seed", str(manifest.seed)),
        ("recipe", "in the manifest" if manifest.recipe else "none: the version was made step by step"),
        ("commit", manifest.commit or "not recorded"),
        ("machine", manifest.machine or "not recorded"),
        *((f"made from {parent.name} ({parent.kind})", f"sha256 {parent.sha256}") for parent in manifest.parents),
        ("graph", f"sha256 {manifest.sha256}"),
    ]


def describe_data(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "training data", f"{data.get('name', 'not recorded')}, licence {data.get('licence', 'not recorded')}"
    for name, value in data.items():
        if name not in ("name", "licence"):
            yield f"training data, {name}", flatten(value)


def flatten(value: Any) -> str:
    """Nested tables in one line."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {flatten(inner)}" for name, inner in value.items())
    return ", ".join(map(flatten, value)) if isinstance(value, list) else str(value)
