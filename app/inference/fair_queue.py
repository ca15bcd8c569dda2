"""The requests waiting for one model, and what the next batch holds of them.

    put -> small and large entries, each first come first served -> take_batch -> slices of one run

Three policies decide what a batch holds:

1. Load shedding: a request whose client has disconnected, or whose deadline has passed, is dropped.
2. Small before large: small requests go first, and while there are any, all large ones together get at most a short run
   of each batch, because the small ones in that batch wait for the whole run. They get at least a short run, too.
3. Taking turns: of a large request at most a batch is served at a time. Then it goes to the end of the queue, so that
   every other large request waits for one batch of it at most.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections import deque
from collections.abc import Iterator

import numpy as np

from app.arrays import Images, Probabilities
from app.observability.metrics import RunMetrics

SMALL_RECENTLY_S = 0.1  # seconds after a small request in which large ones get only a short run of each batch


class QueueEntry:
    """A queued request and the future of its result. The future is done early if the client has disconnected."""

    __slots__ = ("future", "images", "queued_at", "remaining", "rows", "small", "weight")

    def __init__(self, images: Images, weight: int, future: asyncio.Future[Probabilities], queued_at: float) -> None:
        self.images = images
        self.future = future
        self.queued_at = queued_at  # by time.perf_counter
        self.weight = weight  # images by which it fills the queue: one batch of them at most
        self.small = False  # set by the queue
        self.remaining = len(images)  # images that are in no batch yet
        self.rows: list[Probabilities] = []  # results of the batches so far, if it takes several

    def take(self, limit: int) -> Images:
        """The next images, `limit` at most: (n, 28, 28)."""
        if limit >= self.remaining == len(self.images):
            self.remaining = 0
            return self.images
        start = len(self.images) - self.remaining
        images = self.images[start : start + limit]
        self.remaining -= len(images)
        return images

    def deliver(self, rows: Probabilities) -> None:
        """Takes the results of one batch, (size, 10), and completes the future with the last of them."""
        if self.future.done():  # the client disconnected while the batch ran
            return
        if len(rows) == len(self.images):
            self.future.set_result(rows)
            return
        self.rows.append(rows)
        if not self.remaining:
            self.future.set_result(np.concatenate(self.rows))


BatchSlice = tuple[QueueEntry, Images]  # what one batch holds of one request


class FairQueue:
    """Entries in the order in which they are served. `Batcher.check_capacity` bounds how many there are."""

    def __init__(self, max_batch_size: int, short_run: int, metrics: RunMetrics, *, small: int = 0) -> None:
        """`short_run` images are run in little time, 0: not even one is; a request of up to `small` images is small."""
        self.max_batch_size = max_batch_size
        self.short_run = short_run
        self.small = small
        self.metrics = metrics
        self.small_entries: deque[QueueEntry] = deque()
        self.large_entries: deque[QueueEntry] = deque()
        self.weight = 0  # images waiting, of each request one batch at most
        self.small_weight = 0  # those of small requests
        self._small_at = -math.inf  # when the last small request arrived, by time.perf_counter

    def __iter__(self) -> Iterator[QueueEntry]:
        return itertools.chain(self.small_entries, self.large_entries)

    def put(self, entry: QueueEntry) -> None:
        self.weight += entry.weight
        if entry.weight <= self.small:
            entry.small = True
            self.small_weight += entry.weight
            self._small_at = entry.queued_at
            self.small_entries.append(entry)
        else:
            self.large_entries.append(entry)

    def take_batch(self) -> tuple[list[BatchSlice], int]:
        """From each entry in turn what fits, and how many images that is; what does not fit is queued again."""
        batch: list[BatchSlice] = []
        size = 0
        if self.small_entries:
            reserved = min(max(1, self.short_run), self.max_batch_size // 2) if self.large_entries else 0
            size = self._take(self.small_entries, self.max_batch_size - reserved, batch)
        if self.large_entries:
            size += self._take(self.large_entries, min(self.max_batch_size - size, self._room_for_large()), batch)
        return batch, size

    def _take(self, entries: deque[QueueEntry], room: int, batch: list[BatchSlice]) -> int:
        """Moves up to `room` images to the batch, and returns how many."""
        size = 0
        while entries and size < room:
            entry = entries.popleft()
            self._subtract(entry)
            if entry.future.done():
                self.metrics.disconnected.inc()
                continue
            images = entry.take(room - size)
            batch.append((entry, images))
            size += len(images)
            if entry.remaining:  # the room is used up
                self._requeue(entry)
        return size

    def _subtract(self, entry: QueueEntry) -> None:
        self.weight -= entry.weight
        if entry.small:
            self.small_weight -= entry.weight

    def _requeue(self, entry: QueueEntry) -> None:
        """A large request has had its turn; a small one goes on."""
        entry.weight = min(entry.remaining, self.max_batch_size)
        self.weight += entry.weight
        if entry.small:
            self.small_weight += entry.weight
            self.small_entries.appendleft(entry)
        else:
            self.large_entries.append(entry)

    def _room_for_large(self) -> int:
        """How many images of a batch large requests may take, all together."""
        small_recently = time.perf_counter() - self._small_at < SMALL_RECENTLY_S
        return self.short_run if self.short_run and (small_recently or self.small_weight) else self.max_batch_size

    def drop_disconnected(self) -> None:
        """Frees the memory of requests whose result nobody waits for, while no batch is taken."""
        waiting = [entry for entry in self if not entry.future.done()]
        self.metrics.disconnected.inc(len(self.small_entries) + len(self.large_entries) - len(waiting))
        self.small_entries.clear()
        self.large_entries.clear()
        self.weight = self.small_weight = 0
        for entry in waiting:
            self.put(entry)
