"""The time limits of a connection, checked for all connections together: a timer for each request would cost more.

silent from the start, or a head or body that is not complete    `timeout_ms`, then 408 and the end
a request in progress                                            `timeout_ms`, then 504
idle between requests, or a response that is not read            the keep-alive time, then the end
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from app.http.deadline import deadline_exceeded, request_timeout

if TYPE_CHECKING:
    from app.server.connection.http_protocol import HttpProtocol

CHECK_INTERVAL_S = 0.2
GRACE_S = 0.2  # in which the layers around FastAPI answer a request past its deadline before the connection does
# A client that closed its connection looks like one that only stopped sending, until something is written to it.
PROBE_DELAY_S = 0.5
PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"  # a client ignores it, however many there are: RFC 9110, 15.2
# As nginx's lingering_timeout and lingering_time: how long what a refused client still sends is read and dropped.
LINGER_IDLE_S = 5
LINGER_S = 30
MAX_DROPPED_BYTES = 2**24  # per interval, of all lingering connections: reading them must not keep the others waiting


class ConnectionClock:
    """When what began on one connection, by time.perf_counter; 0: it has not, or is over."""

    dropped_bytes: ClassVar[int] = 0  # by all lingering connections since the latest check

    def __init__(self, protocol: HttpProtocol) -> None:
        self.protocol = protocol
        self.began_at = 0.0  # the first byte of the request that is arriving or in progress
        self.quiet_since = time.perf_counter()  # no request since then
        self.half_closed_at = 0.0  # the client stopped sending, or left
        self.lingering = 0.0  # until then what arrives is dropped
        self.linger_end = 0.0
        self.backlog = 0  # bytes of responses that the client has not read at the latest check
        self.backlog_since = 0.0

    def stop(self) -> None:
        self.began_at = 0.0
        self.quiet_since = time.perf_counter()

    def seconds(self) -> float:
        """Since the request began."""
        return time.perf_counter() - (self.began_at or self.quiet_since)

    def half_close(self, *, may_probe: bool) -> None:
        """`may_probe`: not to a client of HTTP/1.0, which knows no interim responses."""
        self.half_closed_at = time.perf_counter() if may_probe else math.inf

    def linger(self) -> None:
        self.linger_end = time.perf_counter() + LINGER_S
        self.keep_lingering()

    def keep_lingering(self) -> None:
        self.lingering = min(self.linger_end, time.perf_counter() + LINGER_IDLE_S)

    def drop(self, count: int) -> None:
        """Counts what a lingering connection has received, and lets it wait for the next check if that is enough."""
        self.keep_lingering()
        ConnectionClock.dropped_bytes += count
        if ConnectionClock.dropped_bytes > MAX_DROPPED_BYTES:
            self.protocol.flow.hold()

    def check(self, now: float) -> None:
        protocol = self.protocol
        if self.is_stalled(now) or (self.lingering and now > self.lingering):
            protocol.transport.abort()
        elif protocol.transport.is_closing():
            pass
        elif self.lingering:
            protocol.flow.release()
        elif not self.began_at:
            idle_limit = protocol.timeout_keep_alive if protocol.cycle else protocol.fast_path.limits.timeout_s
            if now - self.quiet_since > idle_limit:
                protocol.transport.close()
        elif now - self.began_at > protocol.fast_path.limits.timeout_s:
            self.expire(now)
        elif self.half_closed_at and now - self.half_closed_at > PROBE_DELAY_S and not protocol.cycle.response_started:
            self.half_closed_at = now
            protocol.transport.write(PROBE)

    def is_stalled(self, now: float) -> bool:
        """Whether the client has read nothing of its responses for as long as an idle connection is kept."""
        backlog = self.protocol.transport.get_write_buffer_size()
        if not backlog or backlog != self.backlog:
            self.backlog, self.backlog_since = backlog, now
        return now - self.backlog_since > self.protocol.timeout_keep_alive

    def expire(self, now: float) -> None:
        """Answers the request that is past its deadline, and drops what still arrives of one that is answered."""
        protocol = self.protocol
        cycle, fast_cycle, timeout_s = protocol.cycle, protocol.fast_cycle, protocol.fast_path.limits.timeout_s
        if protocol.receiving or (protocol.unread and protocol.is_idle() and protocol.framing.in_head):
            protocol.refuse(request_timeout(timeout_s))
        elif protocol.is_idle():
            protocol.close_after_response()
        elif fast_cycle and not fast_cycle.response_complete:
            fast_cycle.expire(deadline_exceeded(timeout_s))
        elif not cycle.response_started and now - self.began_at > timeout_s + GRACE_S:
            protocol.refuse(request_timeout(timeout_s) if cycle.more_body else deadline_exceeded(timeout_s))


def check_connections(connections: Collection[HttpProtocol]) -> None:
    """Checks all connections, now and again after every interval, in the running event loop."""
    now = time.perf_counter()
    ConnectionClock.dropped_bytes = 0
    for connection in tuple(connections):
        connection.clock.check(now)
    asyncio.get_running_loop().call_later(CHECK_INTERVAL_S, check_connections, connections)
