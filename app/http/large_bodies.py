"""Work on large bodies, without which the event loop would stand still: in a thread, and a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from app.observability.request_context import check_deadline
from app.preprocessing.pool import MAX_WAITING, BoundedThreadPool

# Up to this size a body is parsed in the event loop: JSON of 64 images in 1 ms at most. A thread takes 0.1 ms more.
SMALL_BODY = 2**18  # bytes
# Bytes that one call is about. On 16 MiB it would keep the interpreter's lock, and so the event loop, for 10 to 40 ms.
PIECE = 2**18
ALL = slice(None)

# One thread: the work holds the interpreter's lock, so that two would only keep each other and the event loop waiting,
# and 16 MiB of JSON or base64 take up to 80 MB beside the body.
body_thread = BoundedThreadPool(1, MAX_WAITING)

P = ParamSpec("P")
T = TypeVar("T")


async def off_the_loop(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns: called here if it is about few bytes, else in a thread, one work after the other.

    Raises `Overloaded`, and what `work` raises.
    """
    if size <= SMALL_BODY:
        return work(*args, **kwargs)
    return await body_thread.run(work, *args, **kwargs)


def count(text: bytes, byte: bytes, place: slice = ALL) -> int:
    """As `bytes.count`, of one byte, a piece at a time."""
    return sum(text.count(byte, start, stop) for start, stop in pieces(text, place))


def translate(text: bytes, table: bytes | None, delete: bytes = b"", place: slice = ALL) -> bytes:
    """As `bytes.translate`, a piece at a time."""
    return b"".join([text[start:stop].translate(table, delete) for start, stop in pieces(text, place)])


def pieces(text: bytes, place: slice = ALL) -> Iterator[tuple[int, int]]:
    """Where each piece starts and stops. Raises `DeadlineExceeded` between two of them once nobody waits any more."""
    begin, end, _ = place.indices(len(text))
    for start in range(begin, end, PIECE):
        check_deadline()
        yield start, min(start + PIECE, end)
