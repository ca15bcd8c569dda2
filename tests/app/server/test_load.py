"""A real process under a thousand callers at once, and one whose caller leaves."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from app.inference.session import Model
from tests.app.conftest import encode
from tests.app.server.test_serve import Service, serving, until
from tests.conftest import MLP_VERSIONS, NEWEST
from training.datasets.mnist import Digits

CALLERS = 1000


@dataclass
class Seen:
    """What all callers together saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Caller:
    """One connection that asks again and again and looks at every answer."""

    def __init__(self, port: int, pictures: list[bytes], digits: list[int], seen: Seen) -> None:
        self.port = port
        self.pictures = pictures
        self.digits = digits
        self.seen = seen

    async def run(self, first: int, until_: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        number = first
        while time.monotonic() < until_:
            picture = self.pictures[number % len(self.pictures)]
            head = f"POST /predict?model=digits-mlp HTTP/1.1\r\nHost: x\r\nContent-Length: {len(picture)}\r\n\r\n"
            writer.write(head.encode() + picture)
            await self.look_at(await reader.readuntil(b"\r\n\r\n"), reader, self.digits[number % len(self.pictures)])
            number += 1
        writer.close()

    async def look_at(self, head: bytes, reader: asyncio.StreamReader, digit: int) -> None:
        status, headers = int(head[9:12]), head.lower()
        length = re.search(rb"content-length: (\d+)", headers)
        assert length
        body = json.loads(await reader.readexactly(int(length[1])))
        self.seen.statuses[status] += 1
        right = body["predictions"][0]["digit"] == digit if status == 200 else b"retry-after: 1" in headers
        if not right or status not in (200, 503):
            self.seen.wrong.append(f"{status}: {body}")


def resident_kb(service: Service) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{service.process.pid}/status").read_text())
    assert found
    return int(found[1])


async def call(port: int, digits: Digits, graph: bytes, seconds: float, seen: Seen) -> None:
    pictures = [encode(image) for image in digits.images]
    read = [int(row.argmax()) for row in Model(graph, "cpu").run(digits.images)]
    end = time.monotonic() + seconds
    callers = [Caller(port, pictures, read, seen).run(37 * number, end) for number in range(CALLERS)]
    await asyncio.gather(*callers)


@pytest.mark.parametrize("seconds", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_thousand_callers_at_once_are_answered_right_or_told_to_come_back(
    models: Path, test_digits: Digits, seconds: float
) -> None:
    """After a first while, in which buffers grow to what so many need, memory stays what it is."""
    graph = (models / f"digits-mlp/{MLP_VERSIONS[-1]}/model.onnx").read_bytes()
    with serving("--device", "cpu", "--max-queue-size", "500") as service:
        port = int(service.address.rsplit(":", 1)[1])
        seen = Seen()
        asyncio.run(call(port, test_digits[:200], graph, 10 if seconds > 10 else 3, seen))
        before = resident_kb(service)
        asyncio.run(call(port, test_digits[:200], graph, seconds, seen))
        after = resident_kb(service)
    print(f"{dict(seen.statuses)}; memory {before} kB, later {after} kB")
    assert not seen.wrong, seen.wrong[:3]
    assert seen.statuses[200] > CALLERS
    assert after < before + 10_000


def test_work_is_dropped_when_its_caller_leaves_and_the_others_are_answered() -> None:
    with serving("--device", "cpu", "--max-body-bytes", "40000000") as service:
        host, port = service.address.removeprefix("http://").split(":")
        header = (
            b'{"inputs":[{"name":"image","shape":[16384,784],"datatype":"UINT8","parameters":{"binary_data_size":%d}}]}'
        )
        images = np.zeros((16_384, 784), np.uint8).tobytes()
        text = header % len(images)
        with socket.create_connection((host, int(port))) as leaving:
            head = (
                "POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\n"
                f"Inference-Header-Content-Length: {len(text)}\r\nContent-Length: {len(text) + len(images)}\r\n\r\n"
            )
            leaving.sendall(head.encode() + text + images)
            until(lambda: runs(service) > 2)  # it is being worked on
        dropped = f'digits_dropped_total{{model="digits",reason="left",version="{NEWEST}"}} 1.0'
        until(lambda: dropped in exposition(service))
        assert runs(service) < 16_384 / 64  # and was not worked to its end
        assert service.get("/health/ready")[0] == 200


def exposition(service: Service) -> str:
    host, port = service.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def runs(service: Service) -> float:
    found = re.search(rf'digits_batch_images_count{{model="digits",version="{NEWEST}"}} (\S+)', exposition(service))
    return float(found[1]) if found else 0.0
