"""The folders of models and versions on disk.

models/<name>/
    <version>/         a whole number; the largest is the newest and is served by default
    labels.json        {"stable": 1, "canary": 2}: names for versions, optional

The models folder may itself be the folder of one model, or of one version, as TensorFlow Serving and KServe mount it
(/mnt/models). It is then served under the default model's name. Links are followed wherever they lead.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pydantic import TypeAdapter

from app.errors import ModelRefused
from app.json_encoding import utf8_json
from app.repository.audit import AUDIT_FILE
from app.repository.files import FileStates, file_states, read_file
from app.repository.manifest import (
    GRAPH_FILE,
    INT8_FILE,
    MANIFEST_FILE,
    Graphs,
    Manifest,
    first_problem,
    read_version,
)
from app.repository.signature import SIGNATURE_FILE, Signer
from app.setting_values import check_label, parse_version

LABELS_FILE = "labels.json"
VERSION_FILES = (MANIFEST_FILE, GRAPH_FILE, INT8_FILE, SIGNATURE_FILE, AUDIT_FILE)

MAX_SHOWN = 5  # folders in a message

# How names of folders begin that are no models: hidden ones, and those of file systems, archives and network storage
# (.git, ..data, __MACOSX, @eaDir, #recycle, $RECYCLE.BIN, ~snapshot).
NO_MODEL = (".", "_", "@", "#", "$", "~", "lost+found")


class VersionFolder(NamedTuple):
    path: Path
    version: int
    files: FileStates
    served_as: str | None = None  # the model's name, if it is not that of the folder above

    def read(self, signer: Signer | None) -> tuple[Manifest, Graphs]:
        """The manifest and the graphs. Raises `ModelRefused`."""
        if self.served_as is None:
            return read_version(self.path, signer)
        manifest, graphs = read_version(self.path, signer, version=self.version)
        return manifest.model_copy(update={"name": self.served_as}), graphs


class ModelFolder(NamedTuple):
    """What is on disk of one model."""

    versions: tuple[VersionFolder, ...] = ()  # the newest first
    labels: bytes | None = None  # the content of labels.json, if there is one
    problems: Mapping[str, str] = MappingProxyType({})  # why an entry is not served, by its name


# --- one model --------------------------------------------------------------------------------------------------------


def scan_model(folder: Path, served_as: str | None = None) -> ModelFolder:
    """Raises `OSError` if the folder cannot be listed."""
    found = [path for path in folder.iterdir() if path.name.isdigit() and path.is_dir()]
    versions = [
        VersionFolder(path, version, file_states(path, VERSION_FILES), served_as)
        for path in found
        if (version := parse_version(path.name))
    ]
    problems = {
        path.name: "a version is a whole number from 1 to 2^63 - 1 without leading zeros"
        for path in found
        if parse_version(path.name) is None
    }
    if holds_version(folder):
        if served_as is None or versions:
            problems[GRAPH_FILE] = "the files of a version belong in a folder named by its number"
        else:
            versions = [VersionFolder(folder, version_in(folder), file_states(folder, VERSION_FILES), served_as)]
    labels = read_labels(folder, problems)
    return ModelFolder(tuple(sorted(versions, key=lambda found: -found.version)), labels, problems)


def holds_version(folder: Path) -> bool:
    return (folder / GRAPH_FILE).exists() or (folder / MANIFEST_FILE).exists()


def version_in(folder: Path) -> int:
    """As its manifest says; 1 if it cannot be read, for which it will be refused."""
    try:
        return Manifest.model_validate_json(utf8_json(read_file(folder / MANIFEST_FILE))).version
    except (OSError, ValueError):
        return 1


def read_labels(folder: Path, problems: dict[str, str]) -> bytes | None:
    """None if there are none. Adds to the problems if they cannot be read."""
    try:
        return read_file(folder / LABELS_FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        problems[LABELS_FILE] = f"it cannot be read ({error.strerror})"
        return None


def parse_labels(content: bytes | None, served: Container[int]) -> dict[str, int]:
    """labels.json -> the version of each label. None: there are no labels.

    Raises `ModelRefused` if the content is malformed or a label names a version that is not served.
    """
    if content is None:
        return {}
    try:
        labels = TypeAdapter(dict[str, int]).validate_json(utf8_json(content), strict=True)
    except ValueError as error:
        raise ModelRefused(first_problem(error)) from error
    for label, version in labels.items():
        try:
            check_label(label)
        except ValueError as error:
            raise ModelRefused(str(error)) from error
        if version not in served:
            raise ModelRefused(f"{label!r} names version {version}, which is not served")
    return labels


# --- all models -------------------------------------------------------------------------------------------------------


def find_models(root: Path, default_model: str) -> dict[str, Path]:
    """The folders that may be models, by name. Raises `OSError` if `root` cannot be listed."""
    with os.scandir(root) as entries:
        # What a link leads to may be on a disk that hangs.
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) or entry.is_symlink()]
    models = {name: root / name for name in sorted(names) if is_model_name(name)}
    if holds_version(root) or any(parse_version(name) and holds_version(root / name) for name in names):
        models = {name: folder for name, folder in models.items() if not parse_version(name)}
        models[default_model] = root
    return models


def is_model_name(name: str) -> bool:
    return name.isprintable() and not name.startswith(NO_MODEL)


def all_versions(root: Path, default_model: str = "") -> list[VersionFolder]:
    """Of all models, by name, the oldest version first. Raises `ModelRefused` if there are none."""
    try:
        found = [
            version
            for _, folder in sorted(find_models(root, default_model).items())
            if folder.is_dir()
            for version in reversed(scan_model(folder, default_model if folder == root else None).versions)
        ]
    except OSError as error:
        problem = f"the models folder {root} cannot be read ({error.strerror})"
        raise ModelRefused(f"{problem}: name another one with --models or DIGITS_MODELS") from error
    if not found:
        raise ModelRefused(describe_absence(root, default_model))
    return found


def describe_absence(root: Path, default_model: str) -> str:
    """Why no version was found, with the folders that may have been meant as versions."""
    passed_over: list[str] = []
    with suppress(OSError):
        for name, folder in find_models(root, default_model).items():
            passed_over += [f"{name}/{entry}" for entry in folders_in(folder) if not parse_version(entry)]
    if not passed_over:
        return f"there is no {root}/<name>/<version>: publish one with python -m training publish"
    shown = ", ".join(passed_over[:MAX_SHOWN])
    return f"there is no {root}/<name>/<version>, where the version is a whole number; passed over: {shown}"


def folders_in(folder: Path) -> list[str]:
    """Links are not followed: they may lead to a disk that hangs."""
    if folder.is_symlink():
        return []
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    return [name for name in names if is_model_name(name)]


def newest_of(root: Path, name: str) -> VersionFolder:
    """A model's largest version. Raises `ModelRefused` if there is no such model."""
    found = [folder for folder in all_versions(root, name) if name == (folder.served_as or folder.path.parent.name)]
    if not found:
        raise ModelRefused(f"{root} holds no model {name!r}")
    return found[-1]


def list_versions(root: Path) -> list[Path]:
    """The folders of `all_versions`."""
    return [version.path for version in all_versions(root)]


def newest_version(root: Path, name: str) -> Path:
    """The folder of `newest_of`."""
    return newest_of(root, name).path
