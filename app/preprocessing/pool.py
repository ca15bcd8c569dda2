"""The picture files of one request become images: small ones at once, large ones in a bounded pool of threads.

A large picture first takes the memory that decoding it needs from the process's budget. So many of them are decoded one
after the other and not all at once. Work on small pictures that takes a thread too, such as reading a page, waits for
none on large ones.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from app.arrays import IMAGE_SIZE, Images
from app.errors import Overloaded, ServiceError, TooManyPixels
from app.formats.memory import FIXED_BYTES, bytes_per_pixel, decoding_bytes
from app.observability.request_context import CURRENT_REQUEST, check_deadline, note_preparing
from app.preprocessing.decode import DRAFT_SIDE, Picture, open_picture
from app.preprocessing.normalize import mnist_png_to_image, to_image
from app.runtime import resident_bytes, usable_cores

# Smaller pictures are preprocessed in less time than it takes to wake a thread. On one core, PNG, decoding included:
# 28 x 28 in 13 us, 280 x 280 in 370 us; to a thread and back 120 us.
INLINE_PIXELS = 300 * 300  # of one request
INLINE_BYTES = 2**17  # of one request: a header may have many small chunks, and reading those takes time too

TURN_PIXELS = 2**21  # of a request's pictures that are preprocessed in one go, if they are several: some 50 ms
MAX_WAITING = 16 * usable_cores()  # turns; a photo of 12 megapixels takes a core 60 ms, so the last waits for a second
UNCOUNTED_SHARE = 0.1  # of the memory: for what grows besides bodies and pictures
MIN_BUDGET = 2 * FIXED_BYTES  # bytes for pictures, however little memory there is

P = ParamSpec("P")
T = TypeVar("T")


class Job(NamedTuple):
    """Work that waits for a thread and for memory, or has both."""

    lane: Lane
    future: Future[Any]
    memory: int  # bytes
    work: Callable[[], Any]


class Lane:
    """The jobs of one kind, small or large, of a pool. They start in the order in which they came."""

    def __init__(self, pool: BoundedThreadPool, jobs: str) -> None:
        """`jobs`: what waits, in the words of a refusal."""
        self.pool = pool
        self.jobs = jobs
        self.waiting: deque[Job] = deque()
        self.running = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls `work` in a thread. Raises `Overloaded`, and what `work` raises."""
        return await self.run_with_memory(0, work, *args, **kwargs)

    async def run_with_memory(self, memory: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, once `memory` bytes are free.

        If the caller leaves, a job that waits is not begun, and in one that runs `check_deadline` raises.
        """
        request = CURRENT_REQUEST.get()  # now, since the caller may be cancelled in the context of another request
        context = contextvars.copy_context()  # lines that are logged in the thread have the request's ids
        job = Job(self, Future(), memory, functools.partial(context.run, functools.partial(work, *args, **kwargs)))
        self.pool.submit(job)
        try:
            result: T = await asyncio.wrap_future(job.future)
            return result
        finally:
            if not job.future.done() or job.future.cancelled():
                if request:
                    request.abandon()
                self.pool.remove(job)
            del job  # its future has the error, whose trace has this frame: a cycle that would keep the picture


class BoundedThreadPool:
    """A thread for each core and one more, a bound on the memory of the jobs that run, and bounds on those that wait.

    Small jobs start before large ones, and each kind leaves a thread to the other: a job never waits for a thread while
    none of its kind runs. So large ones go on beside any number of small ones, one at a time.

    No thread is blocked by a job that waits. A job that is refused at once takes no memory. Queued without a bound, it
    would miss its deadline. Threads and event loops may share one pool.
    """

    def __init__(self, threads: int, max_waiting: int, jobs: str = "large pictures") -> None:
        """`threads`, `max_waiting`: jobs of each kind that may run at once, and wait. `jobs`: the large ones."""
        self.threads = threads
        self.max_waiting = max_waiting
        self.small = Lane(self, "small pictures")
        self.large = Lane(self, jobs)
        self._memory_limit = 2**63  # bytes of the process, without the bodies of requests
        self._resident = 2**63  # bytes of the process when no job ran, the least that were seen
        self._memory_taken = 0  # bytes by the jobs that run
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(threads + 1, "pictures")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `Lane.run`, where all jobs are of one kind."""
        return await self.large.run(work, *args, **kwargs)

    def limit_memory(self, process_bytes: int) -> None:
        """The memory of the process, pictures included and the bodies of requests not."""
        self._memory_limit = round(process_bytes * (1 - UNCOUNTED_SHARE))

    @property
    def memory_budget(self) -> int:
        """Bytes that all jobs together may take."""
        if not self._memory_taken:
            self._resident = min(self._resident, resident_bytes())
        return max(MIN_BUDGET, self._memory_limit - self._resident)

    def submit(self, job: Job) -> None:
        """Raises `Overloaded`."""
        waiting, jobs = job.lane.waiting, job.lane.jobs
        with self._lock:
            if len(waiting) >= self.max_waiting:
                raise Overloaded(f"{len(waiting)} {jobs} are waiting already: send yours again later.")
            waiting.append(job)
            self._start_jobs()

    def remove(self, job: Job) -> None:
        """A job that waits; does nothing if it has a thread already."""
        with self._lock, suppress(ValueError):
            job.lane.waiting.remove(job)

    def _start_jobs(self) -> None:
        for lane in (self.small, self.large):
            while self._has_thread(lane) and lane.waiting and self._has_memory(lane.waiting[0].memory):
                job = lane.waiting.popleft()
                if job.future.set_running_or_notify_cancel():
                    lane.running += 1
                    self._memory_taken += job.memory
                    self._executor.submit(self._run, job)

    def _has_thread(self, lane: Lane) -> bool:
        """The last of the threads is for the other kind."""
        return lane.running < self.threads and self.small.running + self.large.running <= self.threads

    def _has_memory(self, memory: int) -> bool:
        """Always for a job that takes none, and where no other job has any: then waiting would not help."""
        return not (memory and self._memory_taken) or self._memory_taken + memory <= self.memory_budget

    def _run(self, job: Job) -> None:
        """In a thread."""
        try:
            job.future.set_result(job.work())
        except ServiceError as error:
            error.__cause__ = error.__context__ = None  # their traces would keep the picture's pixels
            job.future.set_exception(error.with_traceback(None))
        except BaseException as error:  # noqa: BLE001  # it is raised where the result is awaited
            job.future.set_exception(error)
        with self._lock:
            job.lane.running -= 1
            self._memory_taken -= job.memory
            self._start_jobs()
        del job  # as above


# One for the process, since its cores and memory are what it bounds, however many applications run in it. No thread
# starts before the first job.
thread_pool = BoundedThreadPool(usable_cores(), MAX_WAITING)


def preprocess_small(content: bytes, max_pixels: int) -> Images | None:
    """Picture file -> (1, 28, 28), without a thread; None if it is so large that it is one for `preprocess_files`.

    Raises the errors of `open_picture` and `to_image`.
    """
    if len(content) > INLINE_BYTES:
        return None
    mnist = mnist_png_to_image(content)
    if mnist is not None:
        return mnist[np.newaxis]
    note_preparing()
    picture = open_picture(content, max_pixels)
    if picture.width * picture.height > INLINE_PIXELS:
        return None
    return to_image(picture)[np.newaxis]


async def preprocess_files(contents: Sequence[bytes], max_pixels: int) -> Images:
    """Picture files -> (n, 28, 28), in a thread beside the event loop where they are large.

    Raises `Overloaded`, and the errors of `open_pictures` and `to_image` with the index of the picture they are about.
    """
    pictures = await open_pictures(contents, max_pixels)
    if sum(map(len, contents)) <= INLINE_BYTES and sum(map(pixels, pictures)) <= INLINE_PIXELS:
        return to_images(pictures)
    images = [
        await lane_of(*turn).run_with_memory(max(map(memory_of, turn)), to_images, turn, first)
        for first, turn in turns(pictures)
    ]
    return np.concatenate(images)


async def open_pictures(contents: Sequence[bytes], max_pixels: int) -> list[Picture]:
    """The files' headers, read in a thread where the files are large: as a small job, of 50 ms at most for 15 MB.

    Raises `Overloaded`, and the errors of `open_picture` and `memory_of` with the index of the picture they are about.
    """
    note_preparing()
    if sum(map(len, contents)) > INLINE_BYTES:
        return await thread_pool.small.run(open_all, contents, max_pixels)
    return open_all(contents, max_pixels)


def open_all(contents: Sequence[bytes], max_pixels: int) -> list[Picture]:
    opened = []
    for index, content in enumerate(contents):
        with error_index(index):
            check_deadline()
            picture = open_picture(content, max_pixels)
            memory_of(picture)
            opened.append(picture)
    return opened


def memory_of(picture: Picture) -> int:
    """Bytes that decoding and preprocessing take; 0 for a small one. Raises `TooManyPixels` if there never are as many.

    The limit depends on the format: a WebP takes twice the memory of a plain PNG.
    """
    if pixels(picture) <= INLINE_PIXELS:
        return 0
    needed, available = decoding_bytes(picture, DRAFT_SIDE), thread_pool.memory_budget
    if needed > available:
        accepted = int((available - FIXED_BYTES) / bytes_per_pixel(picture, DRAFT_SIDE)) // 100_000 * 100_000
        raise TooManyPixels(
            f"Decoding {picture.width} x {picture.height} pixels in this format takes {needed >> 20} MiB, but this "
            f"service has {available >> 20} MiB for pictures: send at most {accepted:,} pixels, or a baseline JPEG."
        )
    return needed


def lane_of(*pictures: Picture) -> Lane:
    """Where work on these pictures waits for a thread. Raises `TooManyPixels` as `memory_of`."""
    return thread_pool.large if any(map(memory_of, pictures)) else thread_pool.small


def pixels(picture: Picture) -> int:
    return picture.width * picture.height


def turns(pictures: Sequence[Picture]) -> Iterator[tuple[int, Sequence[Picture]]]:
    """The pictures in groups of at most `TURN_PIXELS`, or of one, each with the index of its first picture.

    A request with many large pictures goes to the end of the queue after each group, so that others are not kept
    waiting.
    """
    first = total = 0
    for index, picture in enumerate(pictures):
        total += pixels(picture)
        if total > TURN_PIXELS and index > first:
            yield first, pictures[first:index]
            first, total = index, pixels(picture)
    yield first, pictures[first:]


def to_images(pictures: Sequence[Picture], first_index: int = 0) -> Images:
    images = np.empty((len(pictures), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for index, picture in enumerate(pictures):
        with error_index(first_index + index):
            check_deadline()
            images[index] = to_image(picture)
    return images


@contextmanager
def error_index(index: int) -> Iterator[None]:
    """Notes on an error which picture of the request it is about."""
    try:
        yield
    except ServiceError as error:
        error.picture = index
        raise
