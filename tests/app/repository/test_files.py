"""Only regular files of an expected size are read, and nothing waits for a writer."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from app.repository.files import MAX_SMALL_FILE, read_file


def test_file_is_read_also_through_links(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "another").symlink_to("link")
    assert read_file(tmp_path / "another") == b"content"
    assert read_file(tmp_path / "file", max_bytes=7) == b"content"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_named_pipe_without_a_writer_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path / "pipe")


def test_folder_device_and_socket_are_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        for path in (tmp_path, Path(os.devnull), Path("/dev/zero"), tmp_path / "s"):
            with pytest.raises(OSError, match=r"not a regular file|No such device"):
                read_file(path)


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_refused_file_is_closed(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(OSError, match="not a regular file"):
            read_file(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_size_is_checked_before_reading(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OSError, match=r"1,099,511,627,776 bytes are more than the 1,048,576 allowed"):
        read_file(tmp_path / "sparse")
    with pytest.raises(OSError, match="more than the 10 allowed"):
        read_file(tmp_path / "sparse", max_bytes=10)
    (tmp_path / "largest").write_bytes(bytes(MAX_SMALL_FILE))
    assert len(read_file(tmp_path / "largest")) == MAX_SMALL_FILE


def test_missing_file_and_dangling_link_are_not_found(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("link", "missing"):
        with pytest.raises(FileNotFoundError):
            read_file(tmp_path / name)


def test_file_whose_size_is_not_what_it_says_is_refused() -> None:
    """As if it had been written to meanwhile."""
    with pytest.raises(OSError, match="it changed while it was read"):
        read_file(Path("/proc/self/status"))
