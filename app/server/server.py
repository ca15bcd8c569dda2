"""The HTTP server of one process: uvicorn, with a drain."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.errors import StartupError
from app.inference.session import keep_no_large_memory, trim_memory
from app.main import create_app
from app.observability import metrics
from app.server.http_protocol import CLOSE, Protocol
from app.settings import Settings

LINGER_SECONDS = 1  # a connection that was just made, or is idle, may still bring a request for so long
KEEP_ALIVE_SECONDS = 75  # longer than the idle time of the usual proxies (60 s), or they meet closed connections
HANDSHAKE_SECONDS = 0.2  # a connection begun when the port closes is made after so long, or was far away

# A socket filter of the classic BPF: (code, jump if true, jump if false, operand). It drops what has SYN and not ACK.
NO_NEW_CONNECTIONS = (
    (0x30, 0, 0, 13),  # load byte 13 of TCP's header, the flags
    (0x54, 0, 0, 0x12),  # and SYN | ACK
    (0x15, 0, 1, 0x02),  # is it SYN?
    (0x06, 0, 0, 0),  # nothing of the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # all of it
)
SO_ATTACH_FILTER = 26


def bind(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of the host. The port is taken, but opens only once the models are warm.

    Raises `StartupError`.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sockets.append(socket.socket(family, kind, protocol))
            if os.name == "posix":  # elsewhere it would share the port with whoever has it
                sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sockets[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
            sockets[-1].bind(address)
    except OSError as error:
        raise StartupError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return sockets


def serve_here(settings: Settings, sockets: list[socket.socket], on_ready: Callable[[Server], None]) -> None:
    """In this process, until it is told to stop."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",  # entered by `run`, so that a refusal to start is one line and not a traceback
        log_config=None,
        log_level="warning",
        access_log=False,  # 30 of a request's 150 microseconds
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, settings.shutdown_seconds - LINGER_SECONDS),
        server_header=False,
        http=Protocol,
        proxy_headers=False,  # nobody here asks who the caller is
    )
    server = Server(config, app, settings.drain_seconds, on_ready)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run(server, sockets))


async def run(server: Server, sockets: list[socket.socket]) -> None:
    """Loads the models, takes requests until told to stop, answers what is queued."""
    keep_no_large_memory()
    async with server.app.router.lifespan_context(server.app):
        gc.collect()
        gc.freeze()  # the models and the framework are never garbage: no later collection need look through them
        trim_memory()
        await server.serve(sockets)
    metrics.hand_on()


class Server(uvicorn.Server):
    """uvicorn, with a drain: alone it closes its socket at SIGTERM, when a load balancer still sends requests.

        SIGTERM    /health/ready says 503; after `drain_seconds` no new connections; the end
        retire()   one worker of several: no new connections from now on, and the service is as ready as before; the end
        SIGINT     the end

    Until the end every answer says Connection: close, so that keep-alive clients go elsewhere by themselves: one whose
    connection is closed while it sends a request cannot know whether that was heard.
    """

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, drain_seconds: float, on_ready: Callable[[Server], None]
    ) -> None:
        super().__init__(config)
        self.app = app
        self.drain_seconds = drain_seconds
        self.on_ready = on_ready
        self.listeners: Sequence[socket.socket] = ()
        self.closes_at: float | None = None  # from then on no new connections
        self.ends_at: float | None = None  # from then on no connection may be idle

    @property
    def device(self) -> str:
        """The one that the default model really runs on."""
        return str(self.app.state.repository.get().model.device)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ctrl+C, or a second signal, stops without a drain; one more does not wait for requests under way."""
        told_before, self.app.state.stopping = self.app.state.stopping, True
        if self.should_exit:
            self.force_exit = True
        elif sig == signal.SIGTERM and not told_before:
            closes_at = time.monotonic() + self.drain_seconds
            self.drain(closes_at, closes_at + LINGER_SECONDS)
        else:
            self.should_exit = True

    def retire(self) -> None:
        now = time.monotonic()
        self.drain(now, now + max(self.drain_seconds, LINGER_SECONDS))

    def drain(self, closes_at: float, ends_at: float) -> None:
        self.closes_at, self.ends_at = closes_at, ends_at
        # The second list is what uvicorn makes of the first one, once a second; requests under way hold it.
        for headers in (self.config.encoded_headers, self.server_state.default_headers):
            if CLOSE not in headers:
                headers.append(CLOSE)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.listeners = sockets or ()
        if hasattr(signal, "SIGUSR1"):
            signal.signal(signal.SIGUSR1, lambda *_: self.retire())
        try:
            await super().startup(sockets)
        except OSError as error:  # another process had bound the port too, and was the first to listen
            raise StartupError(f"cannot listen: {error.strerror}") from error
        self.on_ready(self)

    async def on_tick(self, counter: int) -> bool:
        now = time.monotonic()
        if counter % 10 == 0:  # once a second
            metrics.hand_on()
        if self.closes_at is not None and self.ends_at is not None and now >= self.closes_at:
            await self.stop_listening()
            self.should_exit = self.should_exit or now >= self.ends_at or not self.server_state.connections
        return await super().on_tick(counter)

    async def stop_listening(self) -> None:
        """Takes those that wait to be accepted, whom the system would reset when the last listener is closed."""
        if self.app.state.stopping and self.listeners:  # else other workers listen on
            for listener in self.listeners:
                ignore_new_connections(listener)
            await asyncio.sleep(HANDSHAKE_SECONDS)
        accepted = [connection for listener in self.listeners for connection in accept_all(listener)]
        self.listeners = ()
        for server in self.servers:
            server.close()
        for connection in accepted:
            await asyncio.get_running_loop().connect_accepted_socket(self.new_protocol, connection)

    def new_protocol(self) -> asyncio.Protocol:
        return Protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def ignore_new_connections(listener: socket.socket) -> None:
    """Whoever knocks from now on hears nothing, tries again a second later and is refused, the port being closed.

    Between the last accept and the close there would else be some who are connected, send, and are reset. Linux alone
    knows such filters; where there are none, that is left to chance as elsewhere.
    """
    if sys.platform == "linux":
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in NO_NEW_CONNECTIONS))
        with suppress(OSError):
            program = struct.pack("HP", len(NO_NEW_CONNECTIONS), ctypes.addressof(code))
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def accept_all(listener: socket.socket) -> list[socket.socket]:
    accepted = []
    with suppress(OSError):  # BlockingIOError: that was the last
        while True:
            accepted.append(listener.accept()[0])
    return accepted
