"""The picture files of one request become images: small ones at once, large ones in a bounded pool of threads."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import numpy as np

from app.arrays import IMAGE_SIZE, Images
from app.errors import Overloaded, ServiceError
from app.observability.request_context import note_preparing
from app.preprocessing.decode import Picture, open_picture
from app.preprocessing.normalize import mnist_png_to_image, to_image

# Smaller pictures are preprocessed in less time than it takes to wake a thread. On one core, PNG, decoding included:
# 28 x 28 in 13 us, 280 x 280 in 370 us; to a thread and back 120 us.
INLINE_PIXELS = 300 * 300  # of one request
INLINE_BYTES = 2**17  # of one request: a header may have many small chunks, and reading those takes time too

CORES = os.cpu_count() or 1
MAX_PENDING = 16 * CORES  # requests; a photo of 12 megapixels takes a core 60 ms, so the last one waits for a second

P = ParamSpec("P")
T = TypeVar("T")


class BoundedThreadPool:
    """A thread for each core, and a bound on the calls that run or wait: backpressure, and load shedding beyond it.

    A call that is refused at once takes no memory. Queued, it would miss its deadline.
    """

    def __init__(self, max_pending: int) -> None:
        self.max_pending = max_pending
        self.pending = 0
        self._executor = ThreadPoolExecutor(CORES, "pictures")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls `work` in a thread. Raises `Overloaded`, and what `work` raises."""
        if self.pending >= self.max_pending:
            raise Overloaded(
                f"{self.pending} requests with large pictures are waiting already: send yours again later."
            )
        self.pending += 1
        note_preparing()
        try:
            loop = asyncio.get_running_loop()
            context = contextvars.copy_context()  # lines that are logged in the thread have the request's ids
            return await loop.run_in_executor(self._executor, functools.partial(context.run, work, *args, **kwargs))
        finally:
            self.pending -= 1


# One for the process, since its cores are what it bounds, however many applications run in it. No thread starts before
# the first call.
thread_pool = BoundedThreadPool(MAX_PENDING)


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

    Raises `Overloaded`, and the errors of `open_picture` and `to_image` with the index of the picture they are about.
    """
    note_preparing()
    if sum(map(len, contents)) > INLINE_BYTES:
        pictures = await thread_pool.run(open_all, contents, max_pixels)
    else:
        pictures = open_all(contents, max_pixels)
    if sum(picture.width * picture.height for picture in pictures) > INLINE_PIXELS:
        return await thread_pool.run(to_images, pictures)
    return to_images(pictures)


def open_all(contents: Sequence[bytes], max_pixels: int) -> list[Picture]:
    pictures = []
    for index, content in enumerate(contents):
        with error_index(index):
            pictures.append(open_picture(content, max_pixels))
    return pictures


def to_images(pictures: Sequence[Picture]) -> Images:
    images = np.empty((len(pictures), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for index, picture in enumerate(pictures):
        with error_index(index):
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
