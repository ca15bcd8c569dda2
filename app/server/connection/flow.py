"""Backpressure of a connection, and its close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.server.uvicorn_internals import FlowControl


class HoldableFlowControl(FlowControl):
    """Reading that is held stays so when uvicorn's cycle, after its response or for its body, wants to resume it."""

    held = False

    def hold(self) -> None:
        self.held = True
        self.pause_reading()

    def release(self) -> None:
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()


class CycleTransport:
    """The transport as a cycle of uvicorn's uses it. `close` is a lingering one."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close
