"""The page's files that browsers keep, so that the page opens without the service."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

STATIC = Path(__file__).parent / "static"
RUNTIME = STATIC / "runtime"  # WebAssembly for reading in the browser; made by `make runtime`, and may be absent

ROUTES = ("", "about/models", "about/health")  # the pages themselves, relative to the root
KINDS = {".css", ".js", ".svg", ".webmanifest"}
NOT_KEPT = {"docs.js", "service_worker.js"}
FOLDERS = ("client", "workbench")  # of the page's modules
SAMPLES = ("samples/digit.png",)  # the others need the service
GENERATED = ("ondevice/constants.js",)


def page_files() -> list[str]:
    """What the page needs without its on-device reader, relative to the static folder."""
    files = (path.name for path in STATIC.iterdir() if path.suffix in KINDS and path.name not in NOT_KEPT)
    modules = (name for folder in FOLDERS for name in relative(STATIC / folder, KINDS))
    return sorted([*files, *modules, *SAMPLES])


def reader_files() -> list[str]:
    """What the on-device reader needs besides the model; empty without the runtime."""
    if not RUNTIME.is_dir():
        return []
    return sorted([*GENERATED, *relative(STATIC / "ondevice", {".js"}), *relative(RUNTIME, {".mjs", ".gz"})])


def relative(folder: Path, suffixes: set[str]) -> Iterator[str]:
    return (path.relative_to(STATIC).as_posix() for path in folder.iterdir() if path.suffix in suffixes)


@functools.cache
def service_worker() -> str:
    """The script of the service worker, with the files that it keeps and the digest of all of them as their version.

    Browsers install a service worker again as soon as one byte of its script differs.
    """
    offline = {
        "version": digest([*page_files(), *reader_files()]),
        "page": [*ROUTES, *(f"static/{name}" for name in page_files())],
        "reader": [f"static/{name}" for name in reader_files()],
    }
    return f"const OFFLINE = {json.dumps(offline)};\n" + (STATIC / "service_worker.js").read_text("utf-8")


def digest(names: list[str]) -> str:
    """Of the files and of the pages' HTML. Generated files change with the service that generates them only."""
    sha256 = hashlib.sha256()
    for name in sorted({*names, *(path.name for path in STATIC.glob("*.html"))} - {*GENERATED}):
        sha256.update(name.encode() + b"\0" + hashlib.sha256((STATIC / name).read_bytes()).digest())
    return sha256.hexdigest()[:16]
