"""Requests share runs, and none of them suffers for another."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

from app.arrays import Images, Probabilities
from app.errors import InternalError, NotReady, Overloaded, Stopping
from app.inference.batcher import SHORT_RUN_S, Batcher, BatchSettings
from app.inference.run_health import MAX_FAILURES
from app.observability.metrics import RunMetrics


def images(*values: int) -> Images:
    """One image for each value, filled with it."""
    return np.stack([np.full((28, 28), value, np.uint8) for value in values])


class Echo:
    """A model that returns each image's value ten times and records its batches. It can be paused in a run."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.resume = threading.Event()
        self.resume.set()

    def __call__(self, batch: Images) -> Probabilities:
        values = [int(image[0, 0]) for image in batch]
        self.batches.append(values)
        self.resume.wait(10)
        if 13 in values:
            raise RuntimeError("unlucky")
        return np.repeat(np.array(values, np.float32)[:, None], 10, axis=1)


def make_batcher(run: Echo, *, short_run: int = 0, **options: float) -> Batcher:
    settings = BatchSettings(**{"max_batch_size": 8, "max_queue_size": 100, **options})  # type: ignore[arg-type]
    seconds = SHORT_RUN_S / (short_run + 0.5) if short_run else 0.0
    return Batcher(run, settings, RunMetrics.of("echo", 1), seconds_per_image=seconds)


async def submit(batcher: Batcher, *values: int) -> list[int]:
    return [int(row[0]) for row in await batcher.submit(images(*values))]


async def until_running(run: Echo) -> None:
    while not run.batches:
        await asyncio.sleep(0.001)


def test_one_request_gets_its_own_rows_at_once() -> None:
    async def scenario() -> None:
        async with make_batcher(Echo()) as batcher:
            assert await submit(batcher, 1, 2, 3) == [1, 2, 3]

    asyncio.run(scenario())


def test_requests_that_wait_together_are_run_together() -> None:
    async def scenario() -> None:
        run = Echo()
        run.resume.clear()
        async with make_batcher(run) as batcher:
            first = asyncio.create_task(submit(batcher, 1))
            await until_running(run)
            others = [asyncio.create_task(submit(batcher, n)) for n in (2, 3, 4)]
            await asyncio.sleep(0)
            run.resume.set()
            assert await first == [1]
            assert await asyncio.gather(*others) == [[2], [3], [4]]
        assert run.batches == [[1], [2, 3, 4]]

    asyncio.run(scenario())


def test_no_batch_is_larger_than_the_limit() -> None:
    async def scenario() -> None:
        run = Echo()
        async with make_batcher(run, max_batch_size=4) as batcher:
            assert await submit(batcher, *range(10)) == list(range(10))
            await asyncio.gather(*(submit(batcher, n, n) for n in range(20, 30)))
        assert max(map(len, run.batches)) == 4

    asyncio.run(scenario())


def test_delay_lets_the_first_request_wait_for_others() -> None:
    async def scenario() -> None:
        run = Echo()
        async with make_batcher(run, max_batch_size=3, max_batch_delay_ms=10_000) as batcher:
            first = asyncio.create_task(submit(batcher, 1))
            await asyncio.sleep(0.01)
            await asyncio.gather(first, submit(batcher, 2), submit(batcher, 3))
        assert run.batches == [[1, 2, 3]]

    asyncio.run(scenario())


def test_delay_ends() -> None:
    async def scenario() -> None:
        async with make_batcher(Echo(), max_batch_delay_ms=1) as batcher:
            assert await submit(batcher, 1) == [1]

    asyncio.run(scenario())


def test_full_queue_refuses_new_requests_and_serves_those_inside() -> None:
    async def scenario() -> None:
        run = Echo()
        run.resume.clear()
        async with make_batcher(run, max_queue_size=2) as batcher:
            running = asyncio.create_task(submit(batcher, 1))
            await until_running(run)
            waiting = [asyncio.create_task(submit(batcher, n)) for n in (2, 3)]
            await asyncio.sleep(0)
            with pytest.raises(Overloaded) as refused:
                await submit(batcher, 4)
            assert refused.value.headers["Retry-After"] == "1"
            run.resume.set()
            assert await running == [1]
            assert await asyncio.gather(*waiting) == [[2], [3]]
            assert await submit(batcher, 4) == [4]

    asyncio.run(scenario())


def test_disconnected_client_is_dropped_and_its_neighbours_are_answered() -> None:
    async def scenario() -> None:
        run = Echo()
        run.resume.clear()
        async with make_batcher(run) as batcher:
            running = asyncio.create_task(submit(batcher, 1))
            await until_running(run)
            disconnected = asyncio.create_task(submit(batcher, 2))
            connected = asyncio.create_task(submit(batcher, 3))
            await asyncio.sleep(0)
            disconnected.cancel()
            running.cancel()
            await asyncio.sleep(0)
            run.resume.set()
            assert await connected == [3]
            assert batcher.queued == 0
        assert run.batches == [[1], [3]]

    asyncio.run(scenario())


def test_failed_run_is_an_internal_error_and_the_next_one_works(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with make_batcher(Echo()) as batcher:
            with pytest.raises(InternalError):
                await submit(batcher, 13)
            assert await submit(batcher, 1) == [1]

    asyncio.run(scenario())
    assert "unlucky" in caplog.text


def test_leaving_the_batcher_answers_all_who_wait() -> None:
    async def scenario() -> None:
        run = Echo()
        run.resume.clear()
        async with make_batcher(run, max_batch_size=1) as batcher:
            tasks = [asyncio.create_task(submit(batcher, n)) for n in range(5)]
            await until_running(run)
            run.resume.set()
        assert await asyncio.gather(*tasks) == [[0], [1], [2], [3], [4]]
        with pytest.raises(Stopping):
            await submit(batcher, 9)

    asyncio.run(scenario())


def test_large_request_takes_turns_with_small_ones() -> None:
    async def scenario() -> None:
        run = Echo()
        run.resume.clear()
        async with make_batcher(run, max_batch_size=2) as batcher:
            first = asyncio.create_task(submit(batcher, 0))
            await until_running(run)
            large = asyncio.create_task(submit(batcher, *range(20, 26)))
            await asyncio.sleep(0)
            small = [asyncio.create_task(submit(batcher, n)) for n in (1, 2)]
            await asyncio.sleep(0)
            run.resume.set()
            assert await large == [20, 21, 22, 23, 24, 25]
            assert await asyncio.gather(first, *small) == [[0], [1], [2]]
        assert run.batches == [[0], [20, 21], [1, 2], [22, 23], [24, 25]]

    asyncio.run(scenario())


def test_large_request_fills_what_the_small_ones_leave_of_a_batch() -> None:
    async def scenario() -> None:
        run = Echo()
        async with make_batcher(run, max_batch_size=4) as batcher:
            small, large = await asyncio.gather(submit(batcher, 1), submit(batcher, *range(20, 26)))
            assert (small, large) == ([1], [20, 21, 22, 23, 24, 25])
        assert run.batches == [[1, 20, 21, 22], [23, 24, 25]]

    asyncio.run(scenario())


def test_large_request_counts_for_one_batch_in_the_queue() -> None:
    """It is accepted although it is larger than the queue, and leaves room for others."""

    async def scenario() -> None:
        run = Echo()
        run.resume.clear()
        async with make_batcher(run, max_batch_size=2, max_queue_size=4) as batcher:
            running = asyncio.create_task(submit(batcher, 0))
            await until_running(run)
            large = asyncio.create_task(submit(batcher, *range(20, 30)))
            await asyncio.sleep(0)
            assert batcher.queued == 2
            small = asyncio.create_task(submit(batcher, 1, 2))
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await submit(batcher, 3)
            run.resume.set()
            assert await large == list(range(20, 30))
            assert await small == [1, 2]
            await running

    asyncio.run(scenario())


def test_large_requests_get_a_short_run_of_each_batch_while_small_ones_arrive() -> None:
    async def scenario() -> None:
        run = Echo()
        async with make_batcher(run, short_run=2) as batcher:
            large, other, small = await asyncio.gather(
                submit(batcher, *range(20, 30)), submit(batcher, *range(30, 40)), submit(batcher, 1)
            )
            assert (large, other, small) == (list(range(20, 30)), list(range(30, 40)), [1])
        assert run.batches[0] == [1, 20, 21]
        assert run.batches[1] == [30, 31]
        run.batches.clear()

    asyncio.run(scenario())


def test_large_requests_get_whole_batches_while_no_small_ones_arrive() -> None:
    async def scenario() -> None:
        run = Echo()
        async with make_batcher(run, short_run=2) as batcher:
            assert await submit(batcher, *range(20, 36)) == list(range(20, 36))
        assert [len(batch) for batch in run.batches] == [8, 8]

    asyncio.run(scenario())


def test_small_batches_run_in_the_event_loop_and_large_ones_in_a_thread() -> None:
    async def scenario() -> None:
        threads: list[int] = []

        def run(batch: Images) -> Probabilities:
            threads.append(threading.get_ident())
            return np.zeros((len(batch), 10), np.float32)

        async with make_batcher(run, short_run=2) as batcher:  # type: ignore[arg-type]
            await batcher.submit(images(1, 2, 3))
            await batcher.submit(images(1, 2))
        here = threading.get_ident()
        assert threads[0] != here
        assert threads[1] == here

    asyncio.run(scenario())


def test_requests_of_one_turn_of_the_loop_share_a_run_in_it() -> None:
    async def scenario() -> None:
        run = Echo()
        async with make_batcher(run, short_run=8) as batcher:
            assert await asyncio.gather(*(submit(batcher, n) for n in range(5))) == [[0], [1], [2], [3], [4]]
        assert run.batches == [[0, 1, 2, 3, 4]]

    asyncio.run(scenario())


def test_run_that_does_not_end_is_known_and_new_requests_are_refused_until_it_ends() -> None:
    async def scenario() -> None:
        run = Echo()
        run.resume.clear()
        async with make_batcher(run, timeout_ms=20) as batcher:
            running = asyncio.create_task(submit(batcher, 1))
            await until_running(run)
            waiting = asyncio.create_task(submit(batcher, 2))
            await asyncio.sleep(0)
            waiting.cancel()  # as its deadline does
            while not batcher.problem:
                await asyncio.sleep(0.005)
            assert batcher.problem.startswith("a run has not ended for")
            with pytest.raises(NotReady):
                await submit(batcher, 3)
            assert batcher.queued == 0  # what nobody waits for takes no memory meanwhile
            run.resume.set()
            assert await running == [1]
            assert batcher.problem == ""
            assert await submit(batcher, 3) == [3]
        assert run.batches == [[1], [3]]

    asyncio.run(scenario())


@pytest.mark.slow
def test_leaving_the_batcher_does_not_wait_for_a_run_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.inference.batcher.CLOSE_SECONDS", 0.01)

    async def scenario() -> None:
        run = Echo()
        run.resume.clear()
        async with make_batcher(run) as batcher:
            left = asyncio.create_task(submit(batcher, 1))
            await until_running(run)
            left.cancel()
            abandoned = batcher.submit(images(2))
        with pytest.raises(Stopping):
            await abandoned
        run.resume.set()

    asyncio.run(scenario())


def fails(batch: Images) -> Probabilities:
    raise RuntimeError("the device is lost")


def test_model_that_fails_on_a_blank_image_too_cannot_run_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.inference.run_health.RETRY_SECONDS", 0.01)

    async def scenario() -> None:
        async with make_batcher(Echo()) as batcher:
            sound = batcher.run
            batcher.run = batcher.health.run = fails
            for _ in range(MAX_FAILURES):
                assert not batcher.problem
                with pytest.raises(InternalError):
                    await submit(batcher, 1)
            while not batcher.problem:
                await asyncio.sleep(0.005)
            assert batcher.problem.startswith("the last 3 runs failed")
            batcher.health.run = sound
            while batcher.problem:  # without any request
                await asyncio.sleep(0.005)

    asyncio.run(scenario())


def test_requests_that_fail_every_run_do_not_make_the_model_unready() -> None:
    async def scenario() -> None:
        failed = RunMetrics.of("echo", 1).failed_runs
        before = failed._value.get()
        async with make_batcher(Echo()) as batcher:
            for _ in range(MAX_FAILURES):
                with pytest.raises(InternalError):
                    await submit(batcher, 13)
            while batcher.health.failed_runs:  # until the blank image has run
                await asyncio.sleep(0.005)
            assert not batcher.problem
        assert failed._value.get() == before + MAX_FAILURES

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [2, 8, 30], ids=["quarter", "batch", "several batches"])
def test_large_requests_never_take_the_room_of_small_ones(size: int) -> None:
    async def scenario() -> None:
        run = Echo()
        run.resume.clear()
        async with make_batcher(run, max_queue_size=16) as batcher:
            first = batcher.submit(images(0))
            await until_running(run)
            large = []
            with suppress(Overloaded):
                while True:
                    large.append(batcher.submit(images(*[20] * size)))
            small = [batcher.submit(images(1)) for _ in range(16)]
            with pytest.raises(Overloaded):
                batcher.submit(images(1))
            run.resume.set()
            await asyncio.gather(first, *large, *small)

    asyncio.run(scenario())


def test_large_request_that_would_miss_its_deadline_is_refused_at_once() -> None:
    async def scenario() -> None:
        settings = BatchSettings(2, 100, timeout_ms=100)
        async with Batcher(slow, settings, RunMetrics.of("slow", 1), seconds_per_image=0.01) as batcher:
            with pytest.raises(Overloaded, match=r"30 images, after 0 that wait, take about 0\.3 s.*send fewer"):
                batcher.submit(images(*range(30)))
            accepted = batcher.submit(images(*range(6)))
            with pytest.raises(Overloaded, match="after 6 that wait"):
                batcher.submit(images(*range(6)))
            await accepted

    asyncio.run(scenario())


def test_failed_part_of_a_large_request_fails_it_and_not_its_neighbours() -> None:
    async def scenario() -> None:
        async with make_batcher(Echo(), max_batch_size=2) as batcher:
            large, small = (
                asyncio.create_task(submit(batcher, 1, 2, 13, 4, 5)),
                asyncio.create_task(submit(batcher, 6, 7)),
            )
            with pytest.raises(InternalError):
                await large
            assert await small == [6, 7]
            assert await submit(batcher, 8) == [8]

    asyncio.run(scenario())


def slow(batch: Images) -> Probabilities:
    time.sleep(0.02)
    return np.zeros((len(batch), 10), np.float32)


def test_queue_limit_follows_the_time_of_recent_runs() -> None:
    async def scenario() -> None:
        async with Batcher(slow, BatchSettings(2, 100, max_queue_ms=50), RunMetrics.of("slow", 1)) as batcher:
            assert batcher.queue_limit == 100  # no run has been timed yet
            for _ in range(20):
                await batcher.submit(images(1, 2))
            assert 2 <= batcher.queue_limit <= 6  # 50 ms are two and a half runs, fewer on a busy machine
            accepted = [batcher.submit(images(1)) for _ in range(batcher.queue_limit)]
            with pytest.raises(Overloaded):
                batcher.submit(images(1))
            await asyncio.gather(*accepted)

    asyncio.run(scenario())


def test_one_batch_may_always_wait_however_slow_the_runs_are() -> None:
    async def scenario() -> None:
        async with Batcher(slow, BatchSettings(2, 100, max_queue_ms=0.001), RunMetrics.of("slow", 1)) as batcher:
            await batcher.submit(images(1, 2))
            assert batcher.queue_limit == 2
            assert len(await batcher.submit(images(1, 2, 3, 4, 5))) == 5

    asyncio.run(scenario())
