"""The service with one part that never returns: python -m tests.support.stuck_service PART serve ..."""

from __future__ import annotations

import asyncio
import runpy
import sys
import time
from collections.abc import Callable
from typing import Any

from app.api import health
from app.arrays import Grayscale
from app.preprocessing.decode import Picture, decode
from app.preprocessing.pool import INLINE_PIXELS, pixels
from app.segmentation import page_reader

FOREVER_S = 600.0


def stick_in_health(wait: Callable[[], object]) -> None:
    """GET /health calls `wait` first."""
    answer = health.loaded_models

    def stuck_answer(*args: Any) -> Any:
        wait()
        return answer(*args)

    health.loaded_models = stuck_answer  # type: ignore[assignment]


def stick_thread() -> None:
    stick_in_health(lambda: asyncio.get_running_loop().run_in_executor(None, time.sleep, FOREVER_S))


def stick_event_loop() -> None:
    stick_in_health(lambda: time.sleep(FOREVER_S))


def stick_large_pages() -> None:
    """The decoding of a large page never ends."""

    def stuck_decode(picture: Picture) -> Grayscale:
        if pixels(picture) > INLINE_PIXELS:
            time.sleep(FOREVER_S)
        return decode(picture)

    page_reader.decode = stuck_decode  # type: ignore[attr-defined]


PARTS = {"thread": stick_thread, "event loop": stick_event_loop, "large pages": stick_large_pages}

if __name__ == "__main__":
    PARTS[sys.argv[1]]()
    sys.argv = ["app", *sys.argv[2:]]
    runpy.run_module("app", run_name="__main__", alter_sys=True)
