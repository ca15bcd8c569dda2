"""Observations of every request, buffered and flushed to prometheus_client many at once: a tenth of the time.

Buffers are filled in the event loop and flushed when they are full, once a second, and before /metrics is read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

MAX_BUFFERED = 256  # observations of one buffer

T = TypeVar("T")


class Buffer(Protocol):
    def flush(self) -> None: ...


class Histogram(Protocol):
    """As `bulk_histogram.BulkHistogram`."""

    def observe_all(self, values: Sequence[float]) -> None: ...


_buffers: list[Buffer] = []  # all of this process
_flushing = threading.Lock()  # /metrics is read in a thread


def register(buffer: Buffer) -> None:
    _buffers.append(buffer)


def flush(buffers: Iterable[Buffer] | None = None) -> None:
    """Flushes the given buffers, or all, so that other workers see this process's observations."""
    for buffer in tuple(_buffers) if buffers is None else buffers:
        with _flushing:
            buffer.flush()


def take_all(values: list[T]) -> list[T]:
    """Removes and returns the values; those that the event loop adds meanwhile stay."""
    taken = values.copy()
    del values[: len(taken)]
    return taken


class HistogramBuffer:
    __slots__ = ("histogram", "values")

    def __init__(self, histogram: Histogram) -> None:
        self.histogram = histogram
        self.values: list[float] = []
        register(self)

    def observe(self, value: float) -> None:
        self.values.append(value)
        if len(self.values) >= MAX_BUFFERED:
            flush((self,))

    def observe_all(self, values: Iterable[float]) -> None:
        self.values += values
        if len(self.values) >= MAX_BUFFERED:
            flush((self,))

    def flush(self) -> None:
        if values := take_all(self.values):
            self.histogram.observe_all(values)


class StageBuffer:
    """The seconds of decoding and of encoding, alternately in one list: one append for both."""

    __slots__ = ("decode", "encode", "values")

    def __init__(self, decode: Histogram, encode: Histogram) -> None:
        self.decode = decode
        self.encode = encode
        self.values: list[float] = []
        register(self)

    def observe(self, decode_seconds: float, encode_seconds: float) -> None:
        self.values += (decode_seconds, encode_seconds)
        if len(self.values) >= 2 * MAX_BUFFERED:
            flush((self,))

    def flush(self) -> None:
        if values := take_all(self.values):
            self.decode.observe_all(values[::2])
            self.encode.observe_all(values[1::2])
