"""The requests waiting for one model, and what the next batch holds of them.

    put -> entries, first come first served -> take_batch -> slices of one run

Three policies decide what a batch holds:

1. Load shedding: a request whose client has disconnected, or whose deadline has passed, is dropped.
2. Taking turns: a request larger than a batch is served a batch at a time. After each batch it goes to the end of the
   queue, so that every other request waits for one batch of it at most.
3. Small before large: while small requests arrive, all large ones together get at most a short run of each batch,
   because the small ones in that batch wait for the whole run.
"""

from __future__ import annotations

import asyncio
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
        self.entries: deque[QueueEntry] = deque()
        self.weight = 0  # images waiting, of each request one batch at most
        self.small_weight = 0  # those of small requests
        self._small_at = -math.inf  # when the last small request arrived, by time.perf_counter

    def put(self, entry: QueueEntry) -> None:
        entry.small = entry.weight <= self.small
        if entry.weight <= self.short_run:
            self._small_at = entry.queued_at
        self._append(entry)

    def _append(self, entry: QueueEntry) -> None:
        self.entries.append(entry)
        self.weight += entry.weight
        if entry.small:
            self.small_weight += entry.weight

    def drop_disconnected(self) -> None:
        """Frees the memory of requests whose result nobody waits for, while no batch is taken."""
        for entry in list(self._pop_connected()):
            self._append(entry)

    def take_batch(self) -> tuple[list[BatchSlice], int]:
        """From each entry in turn what fits, and how many images that is; what does not fit is queued again."""
        batch: list[BatchSlice] = []
        room = self.max_batch_size
        room_for_large = self._room_for_large()
        skipped: list[QueueEntry] = []
        unfinished: list[QueueEntry] = []
        for entry in self._pop_connected():
            large = entry.remaining > self.short_run
            limit = min(room, room_for_large) if large else room
            if not limit:
                skipped.append(entry)  # large requests have had their share of this batch
                continue
            images = entry.take(limit)
            batch.append((entry, images))
            if entry.remaining:
                unfinished.append(entry)
            if large:
                room_for_large -= len(images)
            room -= len(images)
            if not room:
                break
        if skipped or unfinished:
            self._requeue(skipped + unfinished)  # those that got nothing are served before those that got a part
        return batch, self.max_batch_size - room

    def _pop_connected(self) -> Iterator[QueueEntry]:
        """Policy 1: entries whose result nobody waits for are dropped."""
        while self.entries:
            entry = self.entries.popleft()
            self.weight -= entry.weight
            if entry.small:
                self.small_weight -= entry.weight
            if entry.future.done():
                self.metrics.disconnected.inc()
            else:
                yield entry

    def _requeue(self, entries: list[QueueEntry]) -> None:
        """Policy 2: what is left of a request waits until all others have had their turn."""
        for entry in entries:
            entry.weight = min(entry.remaining, self.max_batch_size)
            self._append(entry)

    def _room_for_large(self) -> int:
        """Policy 3: how many images of a batch large requests may take, all together."""
        small_recently = time.perf_counter() - self._small_at < SMALL_RECENTLY_S
        return self.short_run if small_recently else self.max_batch_size
