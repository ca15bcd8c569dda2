"""Ten times as much as the service can do, and seven tenths of it for long."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.app.conftest import encode
from tests.app.server.test_load import resident_kb
from tests.app.server.test_serve import Service, serving
from tests.conftest import ROOT
from tests.support.traffic import Answer, during, get, post, send

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
QUIET = ("--device", "cpu", "--log-level", "error")


def sixty_four_images() -> bytes:
    """A batch for the convolutional model, whose work outweighs what it costs to send and to refuse it."""
    header = (
        b'{"inputs":[{"name":"image","shape":[64,784],"datatype":"UINT8","parameters":{"binary_data_size":50176}}]}'
    )
    images = np.random.default_rng(0).integers(0, 256, 50_176, np.uint8).tobytes()
    return post("/v2/models/digits/infer", header + images, f"Inference-Header-Content-Length: {len(header)}")


def p99_ms(answers: Sequence[Answer]) -> float:
    return sorted(answer.seconds for answer in answers)[len(answers) * 99 // 100] * 1000


def port_of(service: Service) -> int:
    return int(service.address.rsplit(":", 1)[1])


def capacity(service: Service, requests: Sequence[bytes], seconds: float = 2) -> float:
    """Requests a second that are not turned away, if four callers ask as fast as they are answered."""
    answers: list[Answer] = []
    asyncio.run(
        send(port_of(service), during(seconds, requests), lambda _, answer: answers.append(answer), connections=4)
    )
    taken = sum(answer.status != 503 for answer in answers)
    assert taken
    return taken / seconds


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_ten_times_the_capacity_is_answered_or_told_to_come_back(seconds: float) -> None:
    """Meanwhile the probes and the figures are answered too, over connections of their own."""
    seen: dict[bytes, dict[int, list[Answer]]] = defaultdict(lambda: defaultdict(list))

    def see(request: bytes, answer: Answer) -> None:
        seen[request.split()[1]][answer.status].append(answer._replace(body=b""))

    async def overload(port: int, rate: float) -> None:
        probes = [get("/health/live"), get("/health/ready"), get("/metrics")]
        await asyncio.gather(
            send(port, during(seconds, [sixty_four_images()]), see, connections=300, rate=rate),
            send(port, during(seconds, probes), see, connections=1, rate=20),
        )

    with serving(*QUIET) as service:
        rate = capacity(service, [sixty_four_images()])
        asyncio.run(overload(port_of(service), 10 * rate))
        after: list[Answer] = []
        later = [sixty_four_images()] * 8  # one after the other: on a slow machine eight at once are too many already
        asyncio.run(send(port_of(service), later, lambda _, answer: after.append(answer), connections=1))
    answers = seen.pop(b"/v2/models/digits/infer")
    asked = sum(map(len, answers.values())) / seconds
    print(
        f"capacity {rate:.0f}/s, asked {asked:.0f}/s: {len(answers[200])} answered, p99 {p99_ms(answers[200]):.0f} ms"
    )
    print(f"{len(answers[503])} refused, p99 {p99_ms(answers[503]):.0f} ms")
    for path, by_status in seen.items():
        print(f"{path.decode()} p99 {p99_ms(by_status[200]):.0f} ms")
        assert set(by_status) == {200}
    assert set(answers) == {200, 503}
    assert {answer.status for answer in after} == {200}
    assert all(answer.headers[b"retry-after"] for answer in answers[503])


def everyday_requests() -> list[bytes]:
    """Small and large pictures, tensors, pages of several digits, and what is refused."""
    large = encode(np.pad(np.kron(np.eye(7, dtype=np.uint8)[::-1] * 255, np.ones((40, 40), np.uint8)), 70))
    instances = b'{"instances": [' + b",".join([b"[" + b",".join([b"0.5"] * 784) + b"]"] * 4) + b"]}"
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
def test_seven_tenths_of_the_capacity_for_long_change_nothing(seconds: float) -> None:
    statuses: dict[int, int] = defaultdict(int)
    unexpected: list[Answer] = []

    def see(request: bytes, answer: Answer) -> None:
        statuses[answer.status] += 1
        if answer.status not in (200, 400, 415):
            unexpected.append(answer)

    requests = everyday_requests()
    with serving(*QUIET) as service:
        rate = 0.7 * capacity(service, requests)
        resident, files = [], []
        for _ in range(4):
            asyncio.run(send(port_of(service), during(seconds / 4, requests), see, rate=rate))
            resident.append(resident_kb(service))
            files.append(open_files(service))
    print(f"{rate:.0f}/s wanted, {sum(statuses.values()) / seconds:.0f}/s sent; {dict(statuses)}")
    print(f"after each quarter: memory {resident} kB, open files {files}")
    assert not unexpected, unexpected[0]
    assert resident[3] < resident[0] + 10_000
    assert files[3] <= files[0] + 8
