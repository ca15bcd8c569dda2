"""Large pictures are preprocessed in a bounded pool of threads; what is beyond the bound is refused."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.errors import Overloaded
from app.preprocessing import pool
from app.preprocessing.pool import BoundedThreadPool
from tests.support.pictures import encode


def test_a_call_beyond_the_bound_is_refused_and_the_pending_ones_are_completed() -> None:
    async def overload() -> None:
        threads, go_on = BoundedThreadPool(threads=1, max_waiting=2), threading.Event()
        pending = [asyncio.ensure_future(threads.run(go_on.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await threads.run(go_on.wait)
        go_on.set()
        assert await asyncio.gather(*pending) == [True] * 3
        assert await threads.run(go_on.wait)

    asyncio.run(overload())


def test_a_call_that_fails_makes_room_for_the_next() -> None:
    async def fail_twice() -> None:
        threads = BoundedThreadPool(threads=1, max_waiting=1)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await threads.run(divmod, 1, 0)

    asyncio.run(fail_twice())


@pytest.mark.parametrize("route", ["/predict", "/read", "/explain"])
def test_a_large_picture_is_refused_with_503_and_a_small_one_still_read(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    seven = np.zeros((600, 600), np.uint8)
    seven[100:130, 100:400] = seven[130:500, 370:400] = 255
    assert client.post(route, content=encode(seven)).status_code == 200
    monkeypatch.setattr(pool.thread_pool, "max_waiting", 0)
    refused = client.post(route, content=encode(seven))
    assert refused.status_code == 503
    assert refused.json()["type"].endswith("overloaded")
    assert refused.headers["retry-after"]
    assert client.post("/predict", content=encode(seven[::20, ::20])).status_code == 200
