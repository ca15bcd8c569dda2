"""A server that behaves as a busy, a slow, a stuck or a wrong one, by the first folder of the path."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECES, PAUSE_S = 30, 0.1  # how a slow server reads
MODEL = {"name": "digits", "version": 1}
PREDICTIONS = {"model": MODEL, "predictions": [{"digit": 7, "confidence": 1, "probabilities": [], "accepted": True}]}


class OddServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), OddHandler)
        self.refusals: dict[str, int] = {}  # by path
        self.stopped = threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that gave up."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class OddHandler(BaseHTTPRequestHandler):
    server: OddServer
    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self) -> None:
        self.answer(204, b"")

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        kind = path.split("/")[1]
        if kind == "stuck":
            self.server.stopped.wait()
            return
        self.read_body(PAUSE_S if kind == "slow" else 0)
        refusals = self.server.refusals
        if kind == "page":
            self.answer(200, b"<!doctype html>")
        elif kind in ("429", "503") and path not in refusals:
            refusals[path] = 1
            when = formatdate(time.time() + 1, usegmt=True) if kind == "429" else "1"
            self.answer(int(kind), b"{}", ("Retry-After", when))
        elif kind == "busy":
            refusals[path] = refusals.get(path, 0) + 1
            self.answer(503, b"{}", ("Retry-After", "3600"))
        else:
            self.answer(200, json.dumps(PREDICTIONS).encode())

    def read_body(self, pause_s: float) -> None:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            total = int(self.headers["Content-Length"])
            for start in range(0, total, -(-total // PIECES)):
                self.rfile.read(min(-(-total // PIECES), total - start))
                time.sleep(pause_s)
            return
        read, paused = 0, 0
        while size := int(self.rfile.readline(), 16):
            self.rfile.read(size + 2)
            read += size
            if read > paused * 2**18:
                paused += 1
                time.sleep(pause_s)
        self.rfile.readline()

    def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        allowed = [("Access-Control-Allow-" + name, "*") for name in ("Origin", "Headers", "Methods")]
        exposed = ("Access-Control-Expose-Headers", "Retry-After")
        for name, value in (*headers, *allowed, exposed, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def odd_server() -> Iterator[OddServer]:
    with OddServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.stopped.set()
        server.shutdown()
