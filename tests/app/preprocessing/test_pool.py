"""Large pictures are prepared in threads, and no more of them wait than can be answered soon."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.errors import Overloaded
from app.preprocessing import pool as pictures
from app.preprocessing.pool import BoundedThreadPool
from tests.app.conftest import encode


def test_who_comes_when_too_many_wait_is_told_to_come_back_and_the_others_are_answered() -> None:
    async def ask() -> None:
        threads, go_on = BoundedThreadPool(max_pending=3), threading.Event()
        waiting = [asyncio.ensure_future(threads.run(go_on.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await threads.run(go_on.wait)
        go_on.set()
        assert await asyncio.gather(*waiting) == [True] * 3
        assert await threads.run(go_on.wait)

    asyncio.run(ask())


def test_what_fails_gives_its_place_back() -> None:
    async def ask() -> None:
        threads = BoundedThreadPool(max_pending=1)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await threads.run(divmod, 1, 0)

    asyncio.run(ask())


@pytest.mark.parametrize("route", ["/predict", "/read", "/explain"])
def test_a_large_picture_is_refused_with_503_and_a_small_one_still_read(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    seven = np.zeros((600, 600), np.uint8)
    seven[100:130, 100:400] = seven[130:500, 370:400] = 255
    assert client.post(route, content=encode(seven)).status_code == 200
    monkeypatch.setattr(pictures.thread_pool, "max_pending", 0)
    refused = client.post(route, content=encode(seven))
    assert refused.status_code == 503
    assert refused.json()["type"].endswith("overloaded")
    assert refused.headers["retry-after"]
    assert client.post("/predict", content=encode(seven[::20, ::20])).status_code == 200
