"""Files of models. Reading one neither waits for a writer nor takes more memory than its kind of file may need."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MAX_SMALL_FILE = 2**20  # bytes of a manifest, a signature, labels.json

# A FIFO without a writer would block an `open`.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

FileStates = frozenset[
    tuple[str, int, int, int]
]  # name, bytes, times of the last changes; if it differs, files changed


def read_file(path: Path, max_bytes: int = MAX_SMALL_FILE) -> bytes:
    """Links are followed. Raises `OSError` unless it is a regular file of at most `max_bytes` that can be read."""
    descriptor = os.open(path, FLAGS)
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if state.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"{state.st_size:,} bytes are more than the {max_bytes:,} allowed", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(state.st_size + 1)
    finally:
        os.close(descriptor)
    if len(content) != state.st_size:
        raise OSError(errno.EBUSY, "it changed while it was read", str(path))
    return content


def file_states(folder: Path, names: tuple[str, ...]) -> FileStates:
    """A copied file may keep the time of its last change; the time of its inode's last change is that of the copy."""
    states = set()
    for name in names:
        try:
            state = (folder / name).stat()
        except OSError:  # missing, or a dangling link
            continue
        states.add((name, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return frozenset(states)
