"""Requests to a servable, and runs that take long."""

from __future__ import annotations

import time

import numpy as np

from app.arrays import Images, Probabilities
from app.inference.batcher import BatchSettings
from app.repository.servable import Servable

BATCH = BatchSettings(max_batch_size=8, max_batch_delay_ms=0, max_queue_size=64)


def zeros(count: int) -> Images:
    return np.zeros((count, 28, 28), np.uint8)


def slow_down(servable: Servable, seconds: float) -> None:
    """Makes each run take at least so many seconds, in the batcher's thread."""
    run = servable.batcher.run

    def slow_run(images: Images) -> Probabilities:
        time.sleep(seconds)
        return run(images)

    servable.batcher.run = slow_run
    servable.batcher.queue.short_run = 0
