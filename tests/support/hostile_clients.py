"""Clients that take what they can get of a service: `python -m tests.support.hostile_clients PORT`.

Each kind runs as a process of its own, at a low priority, while a bystander sends small requests and probes.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import io
import json
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import Image

from tests.conftest import ROOT

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
HOST = "127.0.0.1"
MIB = 2**20


def head(path: str, length: int, *lines: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *lines, "", ""]).encode()


def connect(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=15)


def post(port: int, path: str, body: bytes, **headers: str) -> int:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status
    finally:
        connection.close()


# --- the kinds: each is called again and again ------------------------------------------------------------------------


def pipelining(port: int) -> None:
    """As fast as one connection takes it, for ten seconds."""
    requests = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" * 3000
    end = time.monotonic() + 10
    with connect(port) as connection:
        while time.monotonic() < end:
            readable, writable, _ = select.select([connection], [connection], [], 1)
            if readable and not connection.recv(2**20):
                return
            if writable:
                connection.send(requests)


def pipelining_pictures_unread(port: int) -> None:
    """Never reads its responses."""
    with connect(port) as connection:
        for _ in range(2000):
            connection.sendall(head("/predict", len(SEVEN)) + SEVEN)


def stalled_uploads(port: int) -> None:
    connections = [connect(port) for _ in range(100)]
    for connection in connections:
        with suppress(OSError):
            connection.settimeout(1)
            connection.sendall(head("/predict", 16 * MIB) + bytes(15 * MIB))
    time.sleep(12)
    for connection in connections:
        connection.close()


def broken_uploads(port: int) -> None:
    for path in ("/predict", "/read"):
        with connect(port) as connection:
            connection.sendall(head(path, 16 * MIB) + bytes(8 * MIB))


def half_heads(port: int) -> None:
    connections = [connect(port) for _ in range(200)]
    for connection in connections:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost")
    time.sleep(5)
    for connection in connections:
        connection.close()


def picture(kind: str) -> bytes:
    """50 megapixels in some KB."""
    pixels = np.full((6250, 8000), 255, np.uint8)
    pixels[2500:4000, 3900:4100] = 0
    file = io.BytesIO()
    if kind == "TIFF":
        Image.fromarray(pixels.astype(np.float32)).save(file, kind, compression="tiff_deflate")
    else:
        Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def large_pictures(port: int) -> None:
    for kind in ("WEBP", "TIFF", "GIF", "PNG"):
        content = picture(kind)
        for path in ("/predict", "/read"):
            post(port, path, content)


def large_pictures_of_clients_that_left(port: int) -> None:
    content = picture("WEBP")
    for _ in range(10):
        with connect(port) as connection:
            connection.sendall(head("/predict", len(content)) + content)
            time.sleep(0.2)


def compressed_json(port: int) -> None:
    for text in (b'{"images":[' + b"[]," * (5 * MIB) + b"[]]}", b'{"instances":[' + b"[0]," * (4 * MIB) + b"[0]]}"):
        body = gzip.compress(text[: 16 * MIB], 1)
        for path in ("/predict", "/v1/models/digits:predict"):
            post(port, path, body, Content_Type="application/json", Content_Encoding="gzip")


def large_tensors(port: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4096, 784), np.uint8)
    rows = ",".join(str(row.tolist()) for row in pixels)
    post(port, "/v1/models/digits:predict", f'{{"instances":[{rows}]}}'.encode())
    post(port, "/predict", npy(pixels.reshape(-1, 28, 28)))


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def combs(port: int) -> None:
    """Sheets of so many strokes that each has tens of thousands of candidate segments."""
    for height, width in ((64, 1024), (9, 4000), (400, 3000)):
        pixels = np.full((height, width), 255, np.uint8)
        pixels[height // 8 : -height // 8, ::2] = 0
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        post(port, "/read", file.getvalue())


KINDS: dict[str, Callable[[int], None]] = {
    kind.__name__: kind
    for kind in (
        pipelining,
        pipelining_pictures_unread,
        stalled_uploads,
        broken_uploads,
        half_heads,
        large_pictures,
        large_pictures_of_clients_that_left,
        compressed_json,
        large_tensors,
        combs,
    )
}


def attack(port: int, kind: str, seconds: float) -> None:
    os.nice(10)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError, http.client.HTTPException):
            KINDS[kind](port)


# --- the bystander ----------------------------------------------------------------------------------------------------


class Report(NamedTuple):
    """What a bystander got while hostile clients were at work."""

    statuses: Counter[int]
    predict_ms: list[float]  # sorted
    probe_ms: list[float]  # sorted

    def __str__(self) -> str:
        times = {"/predict": self.predict_ms, "probes": self.probe_ms}
        texts = [
            f"{name} p50 {at(ms, 0.5):.0f} p99 {at(ms, 0.99):.0f} max {ms[-1]:.0f} ms" for name, ms in times.items()
        ]
        return f"{dict(self.statuses)}; {'; '.join(texts)}"


def at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


def besiege(port: int, seconds: float) -> Report:
    """Lets all kinds loose on the service for so long, and asks it small things meanwhile."""
    command = [sys.executable, "-m", "tests.support.hostile_clients", str(port), "--seconds", str(seconds), "--kind"]
    attackers = [subprocess.Popen([*command, kind], cwd=ROOT) for kind in KINDS]
    report = Report(Counter(), [], [])
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            ask(port, "POST", "/predict", report.statuses, report.predict_ms)
            ask(port, "GET", "/health/live", report.statuses, report.probe_ms)
            time.sleep(0.05)
    finally:
        for attacker in attackers:
            attacker.kill()
            attacker.wait()
    report.predict_ms.sort()
    report.probe_ms.sort()
    return report


def ask(port: int, method: str, path: str, statuses: Counter[int], milliseconds: list[float]) -> None:
    """Over a connection of its own: status 0 if it fails."""
    connection = http.client.HTTPConnection(HOST, port, timeout=15)
    began = time.perf_counter()
    try:
        connection.request(method, path, SEVEN if method == "POST" else None)
        response = connection.getresponse()
        response.read()
        statuses[response.status] += 1
    except (OSError, http.client.HTTPException):
        statuses[0] += 1
    finally:
        connection.close()
        milliseconds.append((time.perf_counter() - began) * 1000)


# --- requests whose time is taken -------------------------------------------------------------------------------------


def comb() -> bytes:
    pixels = np.full((400, 3000), 255, np.uint8)
    pixels[50:-50, ::2] = 0
    return encoded(pixels, "PNG")


def noise() -> bytes:
    return encoded(np.random.default_rng(0).integers(0, 256, (3000, 4000), np.uint8), "PNG", compress_level=1)


def encoded(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def tensors() -> bytes:
    return (
        b'{"instances":[' + b",".join([b"[" + b",".join([b"%d" % (i % 256) for i in range(784)]) + b"]"] * 4096) + b"]}"
    )


REQUESTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "small": ("/predict", lambda: SEVEN),
    "explained": ("/explain", lambda: SEVEN),
    "large WebP": ("/predict", lambda: picture("WEBP")),
    "large TIFF": ("/read", lambda: picture("TIFF")),
    "large GIF": ("/explain", lambda: picture("GIF")),
    "noise": ("/predict", noise),
    "noise read": ("/read", noise),
    "comb": ("/read", comb),
    "tensors": ("/v1/models/digits:predict", tensors),
    "explained tensors": ("/v1/models/digits:explain", tensors),
    "JSON": ("/predict", lambda: b'{"images":[' + b"[]," * (4 * MIB) + b"[]]}"),
}
bodies: dict[str, bytes] = {}


def seconds_for(port: int, name: str, pause_s: float) -> float:
    """From the first byte to the end of the response. The last byte comes after a pause."""
    path, _ = REQUESTS[name]
    body = bodies[name]
    began = time.monotonic()
    with suppress(OSError), connect(port) as connection:
        connection.sendall(head(path, len(body), "Connection: close") + body[:-1])
        if not select.select([connection], [], [], pause_s)[0]:
            connection.sendall(body[-1:])
        connection.settimeout(30)
        while connection.recv(65536):
            pass
    return time.monotonic() - began


def seconds_to_answer(port: int, seed: int, clients: int = 8, requests: int = 3) -> dict[str, list[float]]:
    """Of random requests by several clients at once: some send slowly, some stop sending, some leave."""
    for name, (_, make) in REQUESTS.items():
        bodies.setdefault(name, make())
    times: dict[str, list[float]] = {}
    threads = [
        threading.Thread(target=send_some, args=(port, random.Random(f"{seed} {number}"), requests, times), daemon=True)
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def send_some(port: int, chance: random.Random, requests: int, times: dict[str, list[float]]) -> None:
    for _ in range(requests):
        name, pause_s = chance.choice(list(REQUESTS)), chance.choice([0, 0, 0, 0.5, 9])
        if chance.random() < 0.2:
            with suppress(OSError), connect(port) as connection:  # a client that leaves
                connection.sendall(head(REQUESTS[name][0], len(bodies[name])) + bodies[name])
        else:
            times.setdefault(name, []).append(seconds_for(port, name, pause_s))


def mix_command(port: int, seed: int) -> list[str]:
    """`seconds_to_answer` in a process of its own, as JSON: threads beside the test's would wait for each other."""
    return [sys.executable, "-m", "tests.support.hostile_clients", str(port), "--seed", str(seed)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--seed", type=int, help="send one mix of requests, and print how long each waited")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        print(json.dumps(seconds_to_answer(arguments.port, arguments.seed)))
    elif arguments.kind:
        attack(arguments.port, arguments.kind, arguments.seconds)
    else:
        print(besiege(arguments.port, arguments.seconds))
