"""The service under a thousand clients at once, and a large request whose client disconnects."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from app.inference.session import Model
from tests.conftest import MLP_VERSIONS, NEWEST
from tests.support.pictures import encode
from tests.support.service import TIMEOUT_S, serving, wait_until
from tests.support.v1_requests import STROKE
from training.datasets.mnist import Digits

CLIENTS = 1000
RUNS = f'digits_batch_images_count{{model="digits",version="{NEWEST}"}}'
DROPPED = f'digits_dropped_total{{model="digits",reason="left",version="{NEWEST}"}}'


@dataclass
class Outcome:
    """Of all clients' requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Client:
    """One connection that sends pictures one after another and checks every response."""

    def __init__(self, port: int, pictures: list[bytes], digits: list[int], outcome: Outcome) -> None:
        self.port = port
        self.pictures = pictures
        self.digits = digits
        self.outcome = outcome

    async def run(self, first: int, ends_at: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        number = first
        while self.goes_on(ends_at):
            picture = self.pictures[number % len(self.pictures)]
            head = f"POST /predict?model=digits-mlp HTTP/1.1\r\nHost: x\r\nContent-Length: {len(picture)}\r\n\r\n"
            writer.write(head.encode() + picture)
            await self.check(await reader.readuntil(b"\r\n\r\n"), reader, self.digits[number % len(self.pictures)])
            number += 1
        writer.close()

    def goes_on(self, ends_at: float) -> bool:
        """Until the time is over, and on a slow machine until there are as many answers as clients."""
        late = time.monotonic() - ends_at
        return late < 0 or (self.outcome.statuses[200] <= CLIENTS and late < TIMEOUT_S)

    async def check(self, head: bytes, reader: asyncio.StreamReader, digit: int) -> None:
        status, headers = int(head[9:12]), head.lower()
        length = re.search(rb"content-length: (\d+)", headers)
        assert length
        body = json.loads(await reader.readexactly(int(length[1])))
        self.outcome.statuses[status] += 1
        right = body["predictions"][0]["digit"] == digit if status == 200 else b"retry-after: 1" in headers
        if not right or status not in (200, 503):
            self.outcome.wrong.append(f"{status}: {body}")


async def load(port: int, digits: Digits, graph: bytes, seconds: float, outcome: Outcome) -> None:
    pictures = [encode(image) for image in digits.images]
    expected = [int(row.argmax()) for row in Model(graph, "cpu").run(digits.images)]
    end = time.monotonic() + seconds
    clients = [Client(port, pictures, expected, outcome).run(37 * number, end) for number in range(CLIENTS)]
    await asyncio.gather(*clients)


@pytest.mark.parametrize("seconds", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_thousand_clients_at_once_are_answered_correctly_or_refused_with_retry_after(
    models: Path, test_digits: Digits, seconds: float
) -> None:
    """After the first seconds, in which buffers grow to what so many clients need, memory does not grow."""
    graph = (models / f"digits-mlp/{MLP_VERSIONS[-1]}/model.onnx").read_bytes()
    with serving("--device", "cpu", "--max-queue-size", "500") as service:
        outcome = Outcome()
        asyncio.run(load(service.port, test_digits[:200], graph, 10 if seconds > 10 else 3, outcome))
        before = service.resident_kb()
        asyncio.run(load(service.port, test_digits[:200], graph, seconds, outcome))
        after = service.resident_kb()
    print(f"{dict(outcome.statuses)}; memory {before} kB, later {after} kB")
    assert not outcome.wrong, outcome.wrong[:3]
    assert outcome.statuses[200] > CLIENTS
    assert after < before + 10_000


def test_work_is_dropped_when_its_client_disconnects_and_the_others_are_answered() -> None:
    with serving("--device", "cpu", "--max-body-bytes", "40000000") as service:
        header = (
            b'{"inputs":[{"name":"image","shape":[16384,784],"datatype":"UINT8","parameters":{"binary_data_size":%d}}]}'
        )
        images = np.tile(STROKE, (16_384, 1, 1)).tobytes()
        text = header % len(images)
        with socket.create_connection(("localhost", service.port)) as leaving:
            head = (
                "POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\n"
                f"Inference-Header-Content-Length: {len(text)}\r\nContent-Length: {len(text) + len(images)}\r\n\r\n"
            )
            leaving.sendall(head.encode() + text + images)
            wait_until(lambda: service.metric(RUNS) > 2)  # it is in progress
            # Reset: a connection that is merely closed on the client's side may still read its response.
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_until(lambda: service.metric(DROPPED) == 1)
        assert service.metric(RUNS) < 16_384 / 64  # fewer than the whole request needs
        assert service.get("/health/ready")[0] == 200
