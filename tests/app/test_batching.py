"""Requests share runs, and nobody pays for another."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from app.batching import Batcher, BatchSettings
from app.errors import DeadlineExceeded, InternalError, Overloaded, Stopping
from app.metrics import RunMetrics
from app.model import Images, Probabilities


def images(*values: int) -> Images:
    """One image for each value, filled with it."""
    return np.stack([np.full((28, 28), value, np.uint8) for value in values])


class Echo:
    """A model that answers each image's value ten times and notes its batches. It can be held in the midst of a run."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, batch: Images) -> Probabilities:
        values = [int(each[0, 0]) for each in batch]
        self.batches.append(values)
        self.go.wait(10)
        if 13 in values:
            raise RuntimeError("unlucky")
        return np.repeat(np.array(values, np.float32)[:, None], 10, axis=1)


def batcher(run: Echo, *, inline_images: int = 0, **options: float) -> Batcher:
    settings = BatchSettings(**{"max_batch_size": 8, "max_queue_size": 100, **options})  # type: ignore[arg-type]
    return Batcher(run, settings, RunMetrics.of("echo", 1), inline_images=inline_images)


async def submit(to: Batcher, *values: int) -> list[int]:
    return [int(row[0]) for row in await to.submit(images(*values))]


async def held(run: Echo) -> None:
    """Returns once a run is under way."""
    while not run.batches:
        await asyncio.sleep(0.001)


def test_one_request_gets_its_own_rows_at_once() -> None:
    async def scenario() -> None:
        async with batcher(Echo()) as it:
            assert await submit(it, 1, 2, 3) == [1, 2, 3]

    asyncio.run(scenario())


def test_requests_that_wait_together_are_run_together() -> None:
    async def scenario() -> None:
        run = Echo()
        run.go.clear()
        async with batcher(run) as it:
            first = asyncio.create_task(submit(it, 1))
            await held(run)
            others = [asyncio.create_task(submit(it, n)) for n in (2, 3, 4)]
            await asyncio.sleep(0)
            run.go.set()
            assert await first == [1]
            assert await asyncio.gather(*others) == [[2], [3], [4]]
        assert run.batches == [[1], [2, 3, 4]]

    asyncio.run(scenario())


def test_no_batch_is_larger_than_the_limit() -> None:
    async def scenario() -> None:
        run = Echo()
        async with batcher(run, max_batch_size=4) as it:
            assert await submit(it, *range(10)) == list(range(10))
            await asyncio.gather(*(submit(it, n, n) for n in range(20, 30)))
        assert max(map(len, run.batches)) == 4

    asyncio.run(scenario())


def test_delay_lets_the_first_wait_for_company() -> None:
    async def scenario() -> None:
        run = Echo()
        async with batcher(run, max_batch_size=3, max_batch_delay_ms=10_000) as it:
            first = asyncio.create_task(submit(it, 1))
            await asyncio.sleep(0.01)
            await asyncio.gather(first, submit(it, 2), submit(it, 3))
        assert run.batches == [[1, 2, 3]]

    asyncio.run(scenario())


def test_delay_ends() -> None:
    async def scenario() -> None:
        async with batcher(Echo(), max_batch_delay_ms=1) as it:
            assert await submit(it, 1) == [1]

    asyncio.run(scenario())


def test_full_queue_refuses_at_the_door_and_serves_those_inside() -> None:
    async def scenario() -> None:
        run = Echo()
        run.go.clear()
        async with batcher(run, max_queue_size=2) as it:
            running = asyncio.create_task(submit(it, 1))
            await held(run)
            waiting = asyncio.create_task(submit(it, 2, 3))
            await asyncio.sleep(0)
            with pytest.raises(Overloaded) as refused:
                await submit(it, 4)
            assert refused.value.headers["Retry-After"] == "1"
            run.go.set()
            assert await running == [1]
            assert await waiting == [2, 3]
            assert await submit(it, 4) == [4]

    asyncio.run(scenario())


def test_who_leaves_is_dropped_and_the_neighbours_are_answered() -> None:
    async def scenario() -> None:
        run = Echo()
        run.go.clear()
        async with batcher(run) as it:
            running = asyncio.create_task(submit(it, 1))
            await held(run)
            leaving, staying = asyncio.create_task(submit(it, 2)), asyncio.create_task(submit(it, 3))
            await asyncio.sleep(0)
            leaving.cancel()
            running.cancel()
            await asyncio.sleep(0)
            run.go.set()
            assert await staying == [3]
            assert it.queued == 0
        assert run.batches == [[1], [3]]

    asyncio.run(scenario())


def test_failed_run_is_an_internal_error_and_the_next_one_works(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with batcher(Echo()) as it:
            with pytest.raises(InternalError):
                await submit(it, 13)
            assert await submit(it, 1) == [1]

    asyncio.run(scenario())
    assert "unlucky" in caplog.text


def test_leaving_the_batcher_answers_everyone_still_waiting() -> None:
    async def scenario() -> None:
        run = Echo()
        run.go.clear()
        async with batcher(run, max_batch_size=1) as it:
            tasks = [asyncio.create_task(submit(it, n)) for n in range(5)]
            await held(run)
            run.go.set()
        assert await asyncio.gather(*tasks) == [[0], [1], [2], [3], [4]]
        with pytest.raises(Stopping):
            await submit(it, 9)

    asyncio.run(scenario())
