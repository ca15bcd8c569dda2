"""Load shedding at ten times the capacity, a long run at seven tenths of it, and large pages beside small ones."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.runtime import usable_cores
from tests.conftest import ROOT
from tests.support.pictures import encode
from tests.support.service import Service, serving, serving_stuck, wait_until
from tests.support.traffic import Response, during, get, post, send

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
QUIET = ("--device", "cpu", "--log-level", "error")


def sixty_four_images() -> bytes:
    """A batch for the convolutional model: running it costs more than sending and refusing it."""
    header = (
        b'{"inputs":[{"name":"image","shape":[64,784],"datatype":"UINT8","parameters":{"binary_data_size":50176}}]}'
    )
    images = np.random.default_rng(0).integers(0, 256, 50_176, np.uint8).tobytes()
    return post("/v2/models/digits/infer", header + images, f"Inference-Header-Content-Length: {len(header)}")


def p99_ms(responses: Sequence[Response]) -> float:
    return sorted(response.seconds for response in responses)[len(responses) * 99 // 100] * 1000


def capacity(service: Service, requests: Sequence[bytes], seconds: float = 2) -> float:
    """Requests a second that are not refused, with four clients that send as fast as they are answered."""
    responses: list[Response] = []
    asyncio.run(
        send(service.port, during(seconds, requests), lambda _, response: responses.append(response), connections=4)
    )
    accepted = sum(response.status != 503 for response in responses)
    assert accepted
    return accepted / seconds


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_ten_times_the_capacity_is_answered_or_refused_with_retry_after(seconds: float) -> None:
    """Meanwhile probes and metrics are answered too, over connections of their own."""
    received: dict[bytes, dict[int, list[Response]]] = defaultdict(lambda: defaultdict(list))  # by path and status

    def record(request: bytes, response: Response) -> None:
        received[request.split()[1]][response.status].append(response._replace(body=b""))

    async def overload(port: int, rate: float) -> None:
        probes = [get("/health/live"), get("/health/ready"), get("/metrics")]
        await asyncio.gather(
            send(port, during(seconds, [sixty_four_images()]), record, connections=300, rate=rate),
            send(port, during(seconds, probes), record, connections=1, rate=20),
        )

    with serving(*QUIET) as service:
        rate = capacity(service, [sixty_four_images()])
        asyncio.run(overload(service.port, 10 * rate))
        after: list[Response] = []
        requests = [sixty_four_images()] * 8  # one after another: eight at once can be too many for a slow machine
        asyncio.run(send(service.port, requests, lambda _, response: after.append(response), connections=1))
    by_status = received.pop(b"/v2/models/digits/infer")
    answered, refused = by_status[200], by_status[503]
    sent = (len(answered) + len(refused)) / seconds
    print(f"capacity {rate:.0f}/s, sent {sent:.0f}/s: {len(answered)} answered, p99 {p99_ms(answered):.0f} ms")
    print(f"{len(refused)} refused, p99 {p99_ms(refused):.0f} ms")
    for path, probes in received.items():
        print(f"{path.decode()} p99 {p99_ms(probes[200]):.0f} ms")
        assert set(probes) == {200}
    assert set(by_status) == {200, 503}
    assert {response.status for response in after} == {200}
    assert all(response.headers[b"retry-after"] for response in refused)


def everyday_requests() -> list[bytes]:
    """Small and large pictures, tensors, pages of several digits, and requests that are refused."""
    large = encode(np.pad(np.kron(np.eye(7, dtype=np.uint8)[::-1] * 255, np.ones((40, 40), np.uint8)), 70))
    instances = b'{"instances": [' + b",".join([b"[" + b",".join([b"0.0", b"0.9"] * 392) + b"]"] * 4) + b"]}"
    requests = [
        *[post("/predict", SEVEN)] * 12,
        post("/predict", large),
        post("/read", large),
        post("/predict?return_image=true", SEVEN),
        post("/v1/models/digits:predict", instances),
        post("/v2/models/digits-mlp/infer", b'{"inputs": [{"name": "image", "shape": [9], "datatype": "FP32"}]}'),
        post("/predict", SEVEN[:200]),
        get("/health"),
        get("/metrics"),
    ]
    random.Random(0).shuffle(requests)
    return requests


def open_files(service: Service) -> int:
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))


@pytest.mark.parametrize("seconds", [4, pytest.param(1800, marks=pytest.mark.slow)])
def test_long_run_at_seven_tenths_of_the_capacity_takes_no_more_memory_and_no_more_files(seconds: float) -> None:
    statuses: dict[int, int] = defaultdict(int)
    unexpected: list[Response] = []

    def record(request: bytes, response: Response) -> None:
        statuses[response.status] += 1
        if response.status not in (200, 400, 415):
            unexpected.append(response)

    requests = everyday_requests()
    with serving(*QUIET) as service:
        rate = 0.7 * capacity(service, requests)
        resident, files = [], []
        for _ in range(4):
            asyncio.run(send(service.port, during(seconds / 4, requests), record, rate=rate))
            resident.append(service.resident_kb())
            files.append(open_files(service))
    print(f"{rate:.0f}/s wanted, {sum(statuses.values()) / seconds:.0f}/s sent; {dict(statuses)}")
    print(f"after each quarter: memory {resident} kB, open files {files}")
    assert not unexpected, unexpected[0]
    assert resident[3] < resident[0] + 10_000
    assert files[3] <= files[0] + 8


# --- large pages beside small ones ------------------------------------------------------------------------------------


def fetch(connection: http.client.HTTPConnection, path: str, body: bytes) -> tuple[int, str]:
    connection.request("POST", path, body)
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_small_pictures_are_read_while_large_pages_take_every_thread_that_they_may_have() -> None:
    large_page = encode(np.zeros((600, 600), np.uint8))
    with serving_stuck("large pages") as service:
        connections = [service.connect() for _ in range(usable_cores() + 4)]
        for connection in connections:
            connection.request("POST", "/read", large_page)
        wait_until(lambda: service.metric("digits_requests_in_flight") >= len(connections))
        beside = service.connect()
        for path in ("/read", "/predict?on_error=each"):
            status, answer = fetch(beside, path, SEVEN)
            assert status == 200, answer
            assert "7" in json.dumps(json.loads(answer))
        for connection in (*connections, beside):
            connection.close()
