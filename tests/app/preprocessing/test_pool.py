"""Work on pictures waits for a thread and for memory, small before large; what is beyond that is refused."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from app.errors import BlankPicture, DeadlineExceeded, Overloaded, TooManyPixels
from app.formats.memory import FIXED_BYTES
from app.observability.request_context import check_deadline, enter_request
from app.preprocessing import pool
from app.preprocessing.decode import open_picture
from app.preprocessing.pool import (
    INLINE_PIXELS,
    BoundedThreadPool,
    Lane,
    lane_of,
    memory_of,
    open_all,
    to_images,
    turns,
)
from tests.support.pictures import encode


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), timeout=30))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_a_call_beyond_the_bound_is_refused_and_the_others_are_completed() -> None:
    async def overload() -> None:
        threads, go_on = BoundedThreadPool(threads=1, max_waiting=2), threading.Event()
        accepted = [asyncio.ensure_future(threads.run(go_on.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await threads.run(go_on.wait)
        go_on.set()
        assert await asyncio.gather(*accepted) == [True] * 3
        assert await threads.run(go_on.wait)

    run(overload)


def test_a_call_that_fails_makes_room_for_the_next() -> None:
    async def fail_twice() -> None:
        threads = BoundedThreadPool(threads=1, max_waiting=1)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await threads.run(divmod, 1, 0)

    run(fail_twice)


# --- small before large -----------------------------------------------------------------------------------------------


class BlockedJobs:
    """Jobs that run until they are told to end."""

    def __init__(self) -> None:
        self.begun: set[str] = set()
        self.may_end: dict[str, threading.Event] = {}
        self.calls: list[asyncio.Future[None]] = []

    async def put(self, lane: Lane, *names: str) -> None:
        self.may_end |= {name: threading.Event() for name in names}
        self.calls += [asyncio.ensure_future(lane.run(self.work, name)) for name in names]
        await asyncio.sleep(0)  # now each of them waits or has a thread

    def work(self, name: str) -> None:
        self.begun.add(name)
        self.may_end[name].wait()

    async def end_all(self) -> None:
        for may_end in self.may_end.values():
            may_end.set()
        await asyncio.gather(*self.calls)


@pytest.mark.parametrize(("kind", "other"), [("small", "large"), ("large", "small")])
def test_a_job_does_not_wait_for_those_of_the_other_kind_however_many_there_are(kind: str, other: str) -> None:
    async def scenario() -> None:
        threads, jobs = BoundedThreadPool(threads=2, max_waiting=9), BlockedJobs()
        lanes: dict[str, Lane] = {"small": threads.small, "large": threads.large}
        await jobs.put(lanes[other], "first", "second", "third", "fourth")
        assert await lanes[kind].run(str) == ""
        assert len(lanes[other].waiting) == 2
        await jobs.end_all()

    run(scenario)


def test_a_thread_that_gets_free_takes_a_small_job_first_but_the_last_one_a_large_job() -> None:
    async def scenario() -> None:
        threads, jobs = BoundedThreadPool(threads=2, max_waiting=9), BlockedJobs()
        await jobs.put(threads.large, "large 1", "large 2", "large 3")
        await jobs.put(threads.small, "small 1", "small 2", "small 3")
        jobs.may_end["large 1"].set()
        await until(lambda: "small 2" in jobs.begun)
        assert (len(threads.small.waiting), len(threads.large.waiting)) == (1, 1)
        jobs.may_end["large 2"].set()
        await until(lambda: "large 3" in jobs.begun)
        assert len(threads.small.waiting) == 1
        await jobs.end_all()

    run(scenario)


def test_each_kind_of_job_has_a_bound_of_its_own() -> None:
    async def scenario() -> None:
        threads, jobs = BoundedThreadPool(threads=1, max_waiting=1), BlockedJobs()
        await jobs.put(threads.large, "runs", "waits")
        with pytest.raises(Overloaded, match="1 large pictures are waiting"):
            await threads.large.run(str)
        await jobs.put(threads.small, "runs beside it", "waits beside it")
        with pytest.raises(Overloaded, match="1 small pictures are waiting"):
            await threads.small.run(str)
        await jobs.end_all()

    run(scenario)


def test_work_is_small_if_all_its_pictures_are() -> None:
    small, large = (open_picture(encode(np.zeros((side, side), np.uint8)), 10**8) for side in (300, 301))
    assert lane_of(small, small) is pool.thread_pool.small
    assert lane_of(small, large) is pool.thread_pool.large


# --- callers who leave ------------------------------------------------------------------------------------------------


def test_a_call_that_waits_is_not_begun_once_its_caller_has_left() -> None:
    async def leave() -> None:
        threads, go_on, begun = BoundedThreadPool(threads=1, max_waiting=1), threading.Event(), threading.Event()
        first = asyncio.ensure_future(threads.run(go_on.wait))
        second = asyncio.ensure_future(threads.run(begun.set))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        third = asyncio.ensure_future(threads.run(str))  # there is room for it again
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, third)
        assert not begun.is_set()

    run(leave)


def test_work_for_a_caller_who_has_left_stops_at_its_next_step_and_only_then_is_its_thread_free() -> None:
    async def leave() -> None:
        threads, ended, go_on = BoundedThreadPool(threads=1, max_waiting=5), threading.Event(), threading.Event()

        def work() -> None:
            go_on.wait()
            with pytest.raises(DeadlineExceeded):
                check_deadline()
            ended.set()

        async def request() -> None:
            enter_request({})
            await threads.run(work)

        leaving = asyncio.ensure_future(request())
        await asyncio.sleep(0.01)
        leaving.cancel()
        following = asyncio.ensure_future(threads.run(ended.is_set))
        await asyncio.sleep(0.01)
        assert not following.done()
        go_on.set()
        assert await following

    run(leave)


def test_pictures_are_not_decoded_after_the_deadline() -> None:
    pictures = [open_picture(encode(np.zeros((50, 50), np.uint8)), 10_000)] * 3

    def preprocess_too_late() -> None:
        enter_request({}).deadline = time.perf_counter()
        to_images(pictures, first_index=7)

    with pytest.raises(DeadlineExceeded) as refused:
        contextvars.copy_context().run(preprocess_too_late)
    assert refused.value.picture == 7


def test_a_refused_picture_is_freed_with_its_error() -> None:
    """A cycle of references would keep it until the garbage collector finds it."""

    class Opened:
        pass

    class Pixels:
        pass

    freed: list[weakref.ref[Any]] = []

    def refuse(_: Opened) -> None:
        pixels = Pixels()
        freed.append(weakref.ref(pixels))
        raise BlankPicture("There is no ink.")

    async def scenario() -> None:
        opened = Opened()
        freed.append(weakref.ref(opened))
        refused = BoundedThreadPool(threads=1, max_waiting=1).run(refuse, opened)
        del opened
        with pytest.raises(BlankPicture):
            await refused
        await until(lambda: [ref() for ref in freed] == [None, None])  # the thread may end a little later

    gc.disable()
    try:
        run(scenario)
    finally:
        gc.enable()


# --- memory -----------------------------------------------------------------------------------------------------------


def with_budget(budget: int, monkeypatch: pytest.MonkeyPatch, threads: int = 4) -> BoundedThreadPool:
    monkeypatch.setattr(BoundedThreadPool, "memory_budget", budget)
    return BoundedThreadPool(threads, max_waiting=20)


def test_calls_wait_until_their_memory_is_free_in_the_order_in_which_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait() -> None:
        threads, go_on, began = with_budget(100, monkeypatch), threading.Event(), []

        def work(name: str) -> None:
            began.append(name)
            go_on.wait()

        calls = [
            asyncio.ensure_future(threads.large.run_with_memory(memory, work, name))
            for name, memory in (("first", 60), ("second", 60), ("third", 10), ("fourth", 40))
        ]
        await until(lambda: bool(began))
        await asyncio.sleep(0.02)
        assert began == ["first"]  # the third would fit, but came after the second
        go_on.set()
        await asyncio.gather(*calls)
        assert began[:2] == ["first", "second"]

    run(wait)


def test_a_call_that_is_alone_gets_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may have grown since its picture was admitted."""

    async def alone() -> None:
        assert await with_budget(10, monkeypatch).large.run_with_memory(1000, str) == ""

    run(alone)


def test_a_small_job_does_not_wait_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while a job that is alone takes more than there is."""

    async def scenario() -> None:
        threads, go_on = with_budget(10, monkeypatch), threading.Event()
        large = asyncio.ensure_future(threads.large.run_with_memory(1000, go_on.wait))
        await asyncio.sleep(0)
        assert await threads.small.run(str) == ""
        go_on.set()
        assert await large

    run(scenario)


def test_what_the_process_takes_is_no_memory_for_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "resident_bytes", lambda: 100 * 2**20)  # this process runs other tests too
    threads = BoundedThreadPool(threads=1, max_waiting=1)
    unlimited = threads.memory_budget
    threads.limit_memory(2**30)
    assert pool.MIN_BUDGET < threads.memory_budget < 0.9 * 2**30 < unlimited
    threads.limit_memory(2**20)
    assert threads.memory_budget == pool.MIN_BUDGET


def test_a_picture_that_alone_needs_more_memory_than_there_is_is_refused_with_the_pixels_that_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BoundedThreadPool, "memory_budget", FIXED_BYTES + 8_000_000)
    file = io.BytesIO()
    Pillow.new("RGBA", (2000, 2000)).save(file, "WEBP")
    with pytest.raises(TooManyPixels, match="at most 800,000 pixels") as refused:
        open_all([encode(np.zeros((50, 50), np.uint8)), file.getvalue()], 10**8)
    assert refused.value.picture == 1
    assert memory_of(open_picture(encode(np.zeros((2000, 2000), np.uint8)), 10**8)) > 4_000_000  # one byte a pixel


def test_a_small_picture_takes_none() -> None:
    assert memory_of(open_picture(encode(np.zeros((300, 300), np.uint8)), INLINE_PIXELS)) == 0


# --- the pictures of one request --------------------------------------------------------------------------------------


def test_a_request_goes_to_the_end_of_the_queue_after_each_large_picture() -> None:
    large, small = (open_picture(encode(np.zeros((side, side), np.uint8)), 10**8) for side in (1500, 100))
    grouped = [(first, len(turn)) for first, turn in turns([small, small, large, large, small, small])]
    assert grouped == [(0, 2), (2, 1), (3, 1), (4, 2)]


def test_each_picture_is_freed_before_the_next_is_decoded() -> None:
    file = io.BytesIO()
    drawn = np.full((400, 400, 3), 255, np.uint8)
    drawn[100:300, 180:220] = 0
    Pillow.fromarray(drawn).save(file, "JPEG")
    pictures = open_all([file.getvalue()] * 3, 10**8)
    assert len(to_images(pictures)) == 3
    for picture in pictures:
        with pytest.raises(ValueError, match="closed"):
            picture.getpixel((0, 0))  # type: ignore[union-attr]


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


@pytest.mark.parametrize("route", ["/predict", "/read", "/explain"])
def test_a_picture_that_takes_more_than_the_memory_is_refused_with_413(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setattr(BoundedThreadPool, "memory_budget", FIXED_BYTES + 500_000)
    refused = client.post(route, content=encode(np.zeros((600, 600, 3), np.uint8)))
    assert refused.status_code == 413
    assert refused.json()["type"].endswith("too-many-pixels")
    assert "at most 100,000 pixels" in refused.json()["detail"]
