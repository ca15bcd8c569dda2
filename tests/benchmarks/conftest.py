"""A server that reads digits by looking into their pictures, to be measured in place of a real one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import server as module
from benchmarks.http import from_rows, raw_tensor
from benchmarks.peer import Peer, Route

PROGRAM = """
import http.server, json, subprocess, sys

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
shift = int(sys.argv[2])

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        images = self.rfile.read(int(self.headers["Content-Length"]))
        digits = [(images[at] + shift) % 10 for at in range(0, len(images), 784)]
        body = json.dumps([[float(digit == each) for each in range(10)] for digit in digits]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

MakePeer = Callable[[int], Peer]


@pytest.fixture
def make_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePeer:
    """A peer with a child process; it names the first pixel of an image plus the number given."""
    program = tmp_path / "server.py"
    program.write_text(PROGRAM)
    monkeypatch.setattr(module, "LOGS", tmp_path / "log")
    monkeypatch.setattr(module, "ROOT", tmp_path)

    def make(shift: int) -> Peer:
        return Peer(
            name="made up",
            setup="",
            command=lambda launch: [sys.executable, program, str(launch.port), str(shift)],
            routes={"binary": Route(lambda question: raw_tensor("/", question), from_rows)},
        )

    return make
