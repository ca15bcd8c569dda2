"""Whether a model can run. Readiness probes ask, so the figures must not depend on what clients send.

    a run fails, and the next, and the next  ->  a blank image is run  ->  it fails too: the model cannot run
                                                                        ->  again every few seconds, until it runs

A request that makes every run fail takes no instance out of service: the blank image runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import numpy as np

from app.arrays import Images, Probabilities
from app.daemon_thread import in_daemon_thread
from app.observability.metrics import RunMetrics

MAX_FAILURES = 3  # failed runs in a row, after which the blank image is run
RETRY_SECONDS = 2  # between two runs of the blank image

logger = logging.getLogger(__name__)


class RunHealth:
    """Counts the runs that fail in a row. `problem` says why the model cannot run, and is empty while it can."""

    def __init__(self, run: Callable[[Images], Probabilities], metrics: RunMetrics) -> None:
        self.run = run
        self.metrics = metrics
        self.problem = ""
        self.failed_runs = 0  # in a row
        self._check: asyncio.Task[None] | None = None

    def failed(self, error: Exception) -> None:
        self.metrics.failed_runs.inc()
        self.failed_runs += 1
        if self.failed_runs <= MAX_FAILURES:
            logger.error("a run failed", exc_info=error)
        if self.failed_runs == MAX_FAILURES:
            self._check = asyncio.create_task(self._run_blank_image_until_it_succeeds())

    def succeeded(self) -> None:
        if self.problem:
            logger.info("the model runs again")
        self.problem = ""
        self.failed_runs = 0

    def close(self) -> None:
        if self._check:
            self._check.cancel()

    async def _run_blank_image_until_it_succeeds(self) -> None:
        image = np.zeros((1, 28, 28), np.uint8)
        while self.failed_runs:
            try:
                await in_daemon_thread(lambda: self.run(image), "model check")
            except Exception as error:  # noqa: BLE001  # of whatever kind: the model does not run
                self.metrics.failed_runs.inc()
                self._set_problem(error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self.succeeded()

    def _set_problem(self, error: Exception) -> None:
        if not self.problem:
            logger.error(
                "the model cannot run: after %d failed runs one of a blank image failed too: %s", MAX_FAILURES, error
            )
        self.problem = f"the last {self.failed_runs} runs failed, and one of a blank image too: the log says why"
