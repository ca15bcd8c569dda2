from __future__ import annotations

import struct
from pathlib import Path

from benchmarks.http import Request, write_requests


def test_requests_are_written_as_they_go_over_the_wire(tmp_path: Path) -> None:
    write_requests([Request("/a", b"xy", {"Content-Type": "image/png"})], tmp_path / "file")
    written = (tmp_path / "file").read_bytes()
    encoded = b"POST /a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Type: image/png\r\n\r\nxy"
    assert written == struct.pack("<I", len(encoded)) + encoded
