"""The picture files of one request become the images the model reads."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import numpy as np

from app.arrays import Images
from app.errors import Overloaded, ServiceError
from app.preprocessing import normalize as image
from app.preprocessing.decode import Picture, open_picture

# A picture of 28 x 28 is prepared in less time than a thread is woken. Measured on one core, PNG, decoding included:
# 28 x 28 in 13 us, 280 x 280 in 370 us; to a thread and back alone 120 us.
INLINE_PIXELS = 300 * 300
INLINE_BYTES = 2**17  # a header may be made of many small parts, and reading those takes time too

CORES = os.cpu_count() or 1
MOST_IN_THREADS = 16 * CORES  # requests; a photo of 12 megapixels takes a core 60 ms, so the last waits for a second

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Where large pictures are prepared, beside the event loop: one for each core, and room for so many requests."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.under_way = 0
        self._pool = ThreadPoolExecutor(CORES, "pictures")

    async def run(self, work: Callable[P, T], *positional: P.args, **named: P.kwargs) -> T:
        """Raises `Overloaded` where too many wait already."""
        if self.under_way >= self.most:
            raise Overloaded(f"{self.under_way} large pictures are waiting already: send yours again a little later.")
        self.under_way += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, functools.partial(work, *positional, **named))
        finally:
            self.under_way -= 1


threads = Threads(MOST_IN_THREADS)


def prepare_small(content: bytes, max_pixels: int) -> Images | None:
    """Picture file -> (1, 28, 28), at once; None if it is so large that it is one for `prepare`."""
    if len(content) > INLINE_BYTES:
        return None
    mnist = image.read_mnist_png(content)
    if mnist is not None:
        return mnist[np.newaxis]
    picture = open_picture(content, max_pixels)
    if picture.width * picture.height > INLINE_PIXELS:
        return None
    return image.to_mnist(picture)[np.newaxis]


async def prepare(contents: Sequence[bytes], max_pixels: int) -> Images:
    """Picture files -> (n, 28, 28). Small ones at once, large ones in a thread beside the event loop.

    Raises `Overloaded`, and the errors of `open_picture` and `image.to_mnist`, with the picture they are about.
    """
    if sum(map(len, contents)) > INLINE_BYTES:
        opened = await threads.run(open_all, contents, max_pixels)
    else:
        opened = open_all(contents, max_pixels)
    if sum(picture.width * picture.height for picture in opened) > INLINE_PIXELS:
        return await threads.run(to_images, opened)
    return to_images(opened)


def open_all(contents: Sequence[bytes], max_pixels: int) -> list[Picture]:
    opened = []
    for index, content in enumerate(contents):
        with about(index):
            opened.append(open_picture(content, max_pixels))
    return opened


def to_images(opened: Sequence[Picture]) -> Images:
    images = np.empty((len(opened), image.SIZE, image.SIZE), np.uint8)
    for index, picture in enumerate(opened):
        with about(index):
            images[index] = image.to_mnist(picture)
    return images


@contextmanager
def about(index: int) -> Iterator[None]:
    """Notes on an error which of the request's pictures it is about."""
    try:
        yield
    except ServiceError as error:
        error.picture = index
        raise
