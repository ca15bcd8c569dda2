"""The folders of models and versions on disk.

models/<name>/
    <version>/         a whole number; the largest is the newest and is served by default
    labels.json        {"stable": 1, "canary": 2}: names for versions, optional
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from app.errors import ModelRefused
from app.repository.manifest import first_problem

LABELS_FILE = "labels.json"

FileStates = frozenset[
    tuple[str, int, int, int]
]  # name, bytes, times of the last changes; if it differs, files changed


class VersionFolder(NamedTuple):
    path: Path
    version: int
    files: FileStates


class ModelFolder(NamedTuple):
    """What is on disk of one model."""

    versions: tuple[VersionFolder, ...] = ()  # the newest first
    labels: bytes | None = None  # the content of labels.json


def scan(root: Path) -> dict[str, ModelFolder]:
    """Every model under `root` with at least one version, by name. Unreadable files count as missing."""
    found: dict[str, ModelFolder] = {}
    for path in reversed(find_versions(root)):
        model = found.get(path.parent.name) or ModelFolder(labels=read_bytes(path.parent / LABELS_FILE))
        versions = (*model.versions, VersionFolder(path, int(path.name), file_states(path)))
        found[path.parent.name] = model._replace(versions=versions)
    return found


def file_states(folder: Path) -> FileStates:
    """A copied file may keep the time of its last change; the time of its inode's last change is that of the copy."""
    states = set()
    for path in folder.glob("*"):
        try:
            stat = path.stat()
        except OSError:  # deleted meanwhile, or a dangling link
            continue
        states.add((path.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return frozenset(states)


def read_bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def find_versions(root: Path) -> list[Path]:
    """models/<name>/<whole number>, by name, then version. Empty if there are none."""
    folders = [folder for folder in root.glob("*/*") if folder.is_dir() and folder.name.isdecimal()]
    return sorted(folders, key=lambda folder: (folder.parent.name, int(folder.name)))


def list_versions(root: Path) -> list[Path]:
    """The same. Raises `ModelRefused` if there are none."""
    try:
        any(root.iterdir())
    except OSError as error:
        problem = f"the models folder {root} cannot be read ({error.strerror})"
        raise ModelRefused(f"{problem}: name another one with --models or DIGITS_MODELS") from error
    folders = find_versions(root)
    if not folders:
        raise ModelRefused(f"{root} holds no models/<name>/<version>: publish one with python -m training publish")
    return folders


def newest_version(root: Path, name: str) -> Path:
    """The folder of a model's largest version. Raises `ModelRefused` if there is no such model."""
    folders = [folder for folder in list_versions(root) if folder.parent.name == name]
    if not folders:
        raise ModelRefused(f"{root} holds no model {name!r}")
    return folders[-1]


def parse_labels(content: bytes | None, served: Container[int]) -> dict[str, int]:
    """labels.json -> the version of each label.

    Raises `ModelRefused` if the content is malformed or a label names a version that is not served.
    """
    try:
        labels = TypeAdapter(dict[str, int]).validate_json(content or b"{}", strict=True)
    except ValidationError as error:
        raise ModelRefused(first_problem(error)) from error
    for label, version in labels.items():
        if version not in served:
            raise ModelRefused(f"{label!r} names version {version}, which is not served")
    return labels
