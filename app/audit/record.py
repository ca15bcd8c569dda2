"""One record of the audit log: a line of JSON that holds the hash of the line before it.

    {"seq": 1, "time": ..., "act": "start", ..., "previous": "000..."}
    {"seq": 2, "time": ..., "act": "load",  ..., "previous": SHA-256 of the line above}

So a line that is changed, removed or moved no longer fits its neighbours. Lines that are removed at the end leave no
trace in the file: to notice that, keep the last hash elsewhere (`verify-audit --expect`).
"""

from __future__ import annotations

import hashlib
from typing import Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field

FIRST_PREVIOUS = "0" * 64  # the `previous` of the first record
MAX_LINE = 16_384  # bytes of a line; those that are written are far shorter
MAX_TEXT = 1_000  # characters of a subject or a reason; the rest is cut off

ActKind = Literal["start", "stop", "load", "unload", "label", "corrections", "repair"]
Outcome = Literal["requested", "done", "refused", "failed"]
Cause = Literal["start", "poll", "request", "stop"]


class Act(NamedTuple):
    """Something that is done, asked for or refused."""

    kind: ActKind
    subject: str  # a model, model/version, model/label, or the process
    outcome: Outcome
    reason: str = ""


class Entry(BaseModel):
    """What happened, without its place in the chain."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    act: ActKind
    subject: str
    outcome: Outcome
    reason: str = ""
    cause: Cause = "start"
    key: str | None = None  # the first eight hex digits of the SHA-256 of the key that asked; None: no known key
    request: str | None = None  # its request id


class Record(Entry):
    """A line of the log."""

    seq: int = Field(ge=1)
    time: str  # RFC 3339, UTC
    cut_off: str | None = None  # of a repair: SHA-256 of the incomplete line before it, which is not in the chain
    previous: str = Field(pattern="^[0-9a-f]{64}$")

    def to_line(self) -> bytes:
        """Without the line break."""
        fields = self.model_dump(exclude_none=True)
        ordered = {name: fields.pop(name) for name in ("seq", "time", "act")}
        previous = fields.pop("previous")
        return orjson.dumps({**ordered, **fields, "previous": previous})


def line_hash(line: bytes) -> str:
    """`line`: without the line break."""
    return hashlib.sha256(line).hexdigest()


def shorten(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
