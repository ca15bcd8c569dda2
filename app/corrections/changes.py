"""What a correction changed, digit by digit, in few words: these become the labels of a metric."""

from __future__ import annotations

from collections.abc import Iterator

from app.corrections.record import NO_DIGIT

UNKNOWN = "unknown"  # the client did not say what had been read
OTHER = "other"  # several digits


def changes(read: str | None, right: str) -> Iterator[tuple[str, str]]:
    """What had been read and what is right: of texts of the same length each digit that differs, else both as a whole.

    Nothing if they are the same: the user confirmed what had been read.
    """
    if read == right:
        return
    if read is None or NO_DIGIT in (read, right) or len(read) != len(right):
        yield UNKNOWN if read is None else label(read), label(right)
        return
    yield from ((wrong, digit) for wrong, digit in zip(read, right, strict=True) if wrong != digit)


def label(text: str) -> str:
    """One of a few: 0 to 9, none or other."""
    return text if len(text) == 1 or text == NO_DIGIT else OTHER
