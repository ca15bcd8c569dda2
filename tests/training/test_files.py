from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from training.errors import RunError
from training.files import atomic_path, describe_os_error, locked, write_atomically

ROOT = Path(__file__).parents[2]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep/file.json"
    for content in ("first", "second"):
        write_atomically(content, path)
        assert path.read_text() == content
    assert [file.name for file in path.parent.iterdir()] == ["file.json"]


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as part:
        _ = part.write_bytes(b"half") // 0
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_file_as_it_was_and_says_so(tmp_path: Path) -> None:
    """In a process that may write 1,000 bytes a file."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"before")
    code = f"from pathlib import Path; from training.files import *; write_atomically(bytes(5000), Path({str(path)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "OSError" in done.stderr
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    assert "make room" in describe_os_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "file.bin"))


def test_a_folder_is_locked_until_the_process_leaves_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with locked(folder), pytest.raises(RunError, match="another process"), locked(folder):
        pass
    with locked(folder):
        assert folder.is_dir()
