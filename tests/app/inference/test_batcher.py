"""Requests share runs, and nobody pays for another."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from app.arrays import Images, Probabilities
from app.errors import DeadlineExceeded, InternalError, Overloaded, Stopping
from app.inference.batcher import SHORT_RUN_S, Batcher, BatchSettings
from app.observability.metrics import RunMetrics


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


def batcher(run: Echo, *, short_run: int = 0, **options: float) -> Batcher:
    settings = BatchSettings(**{"max_batch_size": 8, "max_queue_size": 100, **options})  # type: ignore[arg-type]
    seconds = SHORT_RUN_S / (short_run + 0.5) if short_run else 0.0
    return Batcher(run, settings, RunMetrics.of("echo", 1), seconds_per_image=seconds)


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


def test_large_request_takes_turns_with_small_ones() -> None:
    async def scenario() -> None:
        run = Echo()
        run.go.clear()
        async with batcher(run, max_batch_size=2) as it:
            first = asyncio.create_task(submit(it, 0))
            await held(run)
            large = asyncio.create_task(submit(it, *range(20, 26)))
            await asyncio.sleep(0)
            small = [asyncio.create_task(submit(it, n)) for n in (1, 2)]
            await asyncio.sleep(0)
            run.go.set()
            assert await large == [20, 21, 22, 23, 24, 25]
            assert await asyncio.gather(first, *small) == [[0], [1], [2]]
        assert run.batches == [[0], [20, 21], [1, 2], [22, 23], [24, 25]]

    asyncio.run(scenario())


def test_large_request_fills_what_the_small_ones_leave_of_a_batch() -> None:
    async def scenario() -> None:
        run = Echo()
        async with batcher(run, max_batch_size=4) as it:
            small, large = await asyncio.gather(submit(it, 1), submit(it, *range(20, 26)))
            assert (small, large) == ([1], [20, 21, 22, 23, 24, 25])
        assert run.batches == [[1, 20, 21, 22], [23, 24, 25]]

    asyncio.run(scenario())


def test_large_request_counts_for_one_batch_in_the_queue() -> None:
    """It is taken though it is larger than the queue, and leaves room for others."""

    async def scenario() -> None:
        run = Echo()
        run.go.clear()
        async with batcher(run, max_batch_size=2, max_queue_size=4) as it:
            running = asyncio.create_task(submit(it, 0))
            await held(run)
            large = asyncio.create_task(submit(it, *range(20, 30)))
            await asyncio.sleep(0)
            assert it.queued == 2
            small = asyncio.create_task(submit(it, 1, 2))
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await submit(it, 3)
            run.go.set()
            assert await large == list(range(20, 30))
            assert await small == [1, 2]
            await running

    asyncio.run(scenario())


def test_large_requests_get_little_of_each_batch_while_small_ones_come() -> None:
    async def scenario() -> None:
        run = Echo()
        async with batcher(run, short_run=2) as it:
            large, other, small = await asyncio.gather(
                submit(it, *range(20, 30)), submit(it, *range(30, 40)), submit(it, 1)
            )
            assert (large, other, small) == (list(range(20, 30)), list(range(30, 40)), [1])
        assert run.batches[0] == [20, 21, 1]
        assert run.batches[1] == [30, 31]
        run.batches.clear()

    asyncio.run(scenario())


def test_large_requests_get_whole_batches_while_no_small_ones_come() -> None:
    async def scenario() -> None:
        run = Echo()
        async with batcher(run, short_run=2) as it:
            assert await submit(it, *range(20, 36)) == list(range(20, 36))
        assert [len(batch) for batch in run.batches] == [8, 8]

    asyncio.run(scenario())


def test_small_batches_run_in_the_event_loop_and_large_ones_in_a_thread() -> None:
    async def scenario() -> None:
        threads: list[int] = []

        def run(batch: Images) -> Probabilities:
            threads.append(threading.get_ident())
            return np.zeros((len(batch), 10), np.float32)

        async with batcher(run, short_run=2) as it:  # type: ignore[arg-type]
            await it.submit(images(1, 2, 3))
            await it.submit(images(1, 2))
        here = threading.get_ident()
        assert threads[0] != here
        assert threads[1] == here

    asyncio.run(scenario())


def test_requests_of_one_turn_of_the_loop_share_a_run_in_it() -> None:
    async def scenario() -> None:
        run = Echo()
        async with batcher(run, short_run=8) as it:
            assert await asyncio.gather(*(submit(it, n) for n in range(5))) == [[0], [1], [2], [3], [4]]
        assert run.batches == [[0, 1, 2, 3, 4]]

    asyncio.run(scenario())


def test_who_waits_too_long_is_told_so_in_the_queue_and_in_the_run() -> None:
    async def scenario() -> None:
        run = Echo()
        run.go.clear()
        async with batcher(run, timeout_ms=20) as it:
            running = asyncio.create_task(submit(it, 1))
            await held(run)
            waiting = asyncio.create_task(submit(it, 2))
            with pytest.raises(DeadlineExceeded):
                await running
            with pytest.raises(DeadlineExceeded):
                await waiting
            run.go.set()
            assert await submit(it, 3) == [3]
        assert run.batches == [[1], [3]]

    asyncio.run(scenario())


def test_failed_part_of_a_large_request_fails_it_and_not_its_neighbours() -> None:
    async def scenario() -> None:
        async with batcher(Echo(), max_batch_size=2) as it:
            large, small = asyncio.create_task(submit(it, 1, 2, 13, 4, 5)), asyncio.create_task(submit(it, 6, 7))
            with pytest.raises(InternalError):
                await large
            assert await small == [6, 7]
            assert await submit(it, 8) == [8]

    asyncio.run(scenario())


def slow(batch: Images) -> Probabilities:
    time.sleep(0.02)
    return np.zeros((len(batch), 10), np.float32)


def test_queue_is_as_long_as_what_recent_runs_took_allows() -> None:
    async def scenario() -> None:
        async with Batcher(slow, BatchSettings(2, 100, max_queue_ms=50), RunMetrics.of("slow", 1)) as it:
            assert it.room == 100  # nothing is known yet
            for _ in range(20):
                await it.submit(images(1, 2))
            assert 2 <= it.room <= 6  # 50 ms are two and a half runs, less where the machine is busy
            taken = [it.submit(images(1)) for _ in range(it.room)]
            with pytest.raises(Overloaded):
                it.submit(images(1))
            await asyncio.gather(*taken)

    asyncio.run(scenario())


def test_one_batch_may_always_wait_however_slow_the_runs_are() -> None:
    async def scenario() -> None:
        async with Batcher(slow, BatchSettings(2, 100, max_queue_ms=0.001), RunMetrics.of("slow", 1)) as it:
            await it.submit(images(1, 2))
            assert it.room == 2
            assert len(await it.submit(images(1, 2, 3, 4, 5))) == 5

    asyncio.run(scenario())
