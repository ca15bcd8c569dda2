"""A server of the benchmarks that knows its digits from their first pixel, and the payloads it can read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.codecs import parse_rows, raw_tensor_request
from benchmarks.payloads import Payload
from benchmarks.peer import Peer, Route
from benchmarks.server import Server

PROGRAM = """
import http.server, json, subprocess, sys

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
shift = int(sys.argv[2])

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        pixels = self.rfile.read(int(self.headers["Content-Length"]))
        digits = [(pixels[start] + shift) % 10 for start in range(0, len(pixels), 784)]
        body = json.dumps([[float(digit == index) for index in range(10)] for digit in digits]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def fake_peer(program: Path, shift: int) -> Peer:
    """A server with a child process, whose response is the first pixel of each image plus `shift`, modulo 10."""
    program.write_text(PROGRAM)
    return Peer(
        name="fake",
        setup="",
        command=lambda launch: [sys.executable, program, str(launch.port), str(shift)],
        routes={"binary": Route(lambda payload: raw_tensor_request("/", payload), parse_rows)},
    )


def labelled_payloads() -> list[Payload]:
    """Four times the same 64 images in another order; the first pixel of each image is its label."""
    labels = np.arange(64, dtype=np.uint8) % 10
    images = np.zeros((64, 28, 28), np.uint8)
    images[:, 0, 0] = labels
    return [Payload(np.roll(images, shift, axis=0), np.roll(labels, shift)) for shift in range(4)]


def serve(peer: Peer) -> Server:
    return Server(peer, Path(sys.executable), 1, "binary", "0")
