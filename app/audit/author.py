"""On whose behalf the current code acts: a request with its key, or the service itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from app.audit.record import Cause
from app.observability.request_context import CURRENT_REQUEST


class Author(NamedTuple):
    """What caused an act."""

    cause: Cause
    key: str | None = None  # the id of the key, never the key
    request: str | None = None


SERVICE = Author("start")

# Tasks copy it when they are made: what a request starts has its author, and the polling that of the start.
CURRENT_AUTHOR: ContextVar[Author] = ContextVar("author", default=SERVICE)


@contextmanager
def acting(cause: Cause, key: str | None = None) -> Iterator[None]:
    """Acts inside of it are of the current request, or of the service if there is none."""
    context = CURRENT_REQUEST.get()
    token = CURRENT_AUTHOR.set(Author(cause, key, context.request_id.decode() if context else None))
    try:
        yield
    finally:
        CURRENT_AUTHOR.reset(token)
