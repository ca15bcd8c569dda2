"""Files that are written completely or not at all, and folders that only one process writes at a time."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from training.errors import RunError


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path to write to, with the same suffix: what is there at the end takes the place of `path`.

    After a failure, a power cut or a full disk, `path` is what it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield part
        sync(part)
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def write_atomically(content: bytes | str, path: Path) -> None:
    """Writes the whole file or, after a failure, leaves `path` as it was. Text is written as UTF-8."""
    with atomic_path(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def sync(path: Path) -> None:
    """Returns when the file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps other processes from writing to it. Raises `RunError` if one is doing so.

    The operating system releases the lock when the process ends, however it ends. Windows has no such lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"another process is writing to {folder}: wait for it, or name another folder") from error
        yield
    finally:
        os.close(descriptor)


def describe_os_error(error: OSError) -> str:
    """One line that says which file could not be read or written, and why."""
    reason = error.strerror or str(error).splitlines()[0]
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        reason += "; files that were complete are unchanged: make room and run the command again (train with --resume)"
    return f"{error.filename}: {reason}" if error.filename else reason
