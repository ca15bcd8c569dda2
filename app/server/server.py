"""The HTTP server of one process: uvicorn with a graceful shutdown."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import time
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn

from app.errors import StartupError
from app.inference.memory import return_large_blocks, trim_memory
from app.main import Service, create_app
from app.observability import metrics
from app.observability.process_metrics import ConnectionMetrics
from app.server.http_protocol import CONNECTION_CLOSE, HttpProtocol
from app.server.listeners import accept_pending, drop_new_connections
from app.settings import Settings

LINGER_SECONDS = 1  # how long a new or idle connection may still bring a request after the port is closed
KEEP_ALIVE_SECONDS = 75  # longer than the idle time of common proxies (60 s), which would meet closed connections
HANDSHAKE_SECONDS = 0.2  # a handshake that began before the port closes has this long to complete


def run_server(settings: Settings, sockets: list[socket.socket], on_ready: Callable[[Server], None]) -> None:
    """Serves in this process until a signal ends it."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",  # entered by `load_and_serve`, so that a refusal to start is one line and not a traceback
        log_config=None,
        log_level="warning",
        access_log=False,  # 30 of a request's 150 microseconds
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, settings.shutdown_seconds - LINGER_SECONDS),
        server_header=False,
        http=HttpProtocol,
        proxy_headers=False,  # nothing here uses the client's address
    )
    server = Server(config, app, settings.drain_seconds, on_ready)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(load_and_serve(server, sockets))


async def load_and_serve(server: Server, sockets: list[socket.socket]) -> None:
    return_large_blocks()
    async with server.app.router.lifespan_context(server.app):
        gc.collect()
        gc.freeze()  # the models and the framework are never garbage: no later collection scans them
        trim_memory()
        await server.serve(sockets)
    metrics.flush()


class Server(uvicorn.Server):
    """uvicorn's server with a graceful shutdown. Alone it closes its port at SIGTERM, when clients still connect.

        SIGTERM    readiness is 503; after `drain_seconds` no new connections; exit
        retire()   one worker of several: no new connections from now on, readiness unchanged; exit
        SIGINT     exit

    Until the exit every response says Connection: close, so that keep-alive clients reconnect elsewhere. A client whose
    connection is closed while it sends a request cannot know whether the request was handled.
    """

    def __init__(
        self, config: uvicorn.Config, app: Service, drain_seconds: float, on_ready: Callable[[Server], None]
    ) -> None:
        super().__init__(config)
        self.app = app
        self.drain_seconds = drain_seconds
        self.on_ready = on_ready
        self.listeners: Sequence[socket.socket] = ()
        self.closes_at: float | None = None  # monotonic: no new connections from then on
        self.exits_at: float | None = None  # monotonic: no idle connections from then on

    @property
    def device(self) -> str:
        """The device that the default model runs on."""
        return str(self.app.state.repository.get().model.device)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT or a second signal exits without a drain; one more does not wait for requests in progress."""
        was_stopping, self.app.state.stopping = self.app.state.stopping, True
        if self.should_exit:
            self.force_exit = True
        elif sig == signal.SIGTERM and not was_stopping:
            closes_at = time.monotonic() + self.drain_seconds
            self.drain(closes_at, closes_at + LINGER_SECONDS)
        else:
            self.should_exit = True

    def retire(self) -> None:
        now = time.monotonic()
        self.drain(now, now + max(self.drain_seconds, LINGER_SECONDS))

    def drain(self, closes_at: float, exits_at: float) -> None:
        self.closes_at, self.exits_at = closes_at, exits_at
        self.announce_close()

    def announce_close(self) -> None:
        """Requests in progress hold this list too."""
        if CONNECTION_CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers.append(CONNECTION_CLOSE)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.listeners = sockets or ()
        if hasattr(signal, "SIGUSR1"):
            signal.signal(signal.SIGUSR1, lambda *_: self.retire())
        try:
            await super().startup(sockets)
        except OSError as error:  # another process had bound the port too, and was the first to listen
            raise StartupError(f"cannot listen: {error.strerror}") from error
        ConnectionMetrics(self.server_state.connections)
        self.on_ready(self)

    async def on_tick(self, counter: int) -> bool:
        now = time.monotonic()
        if counter % 10 == 0:  # once a second
            metrics.flush()
        if self.closes_at is not None and self.exits_at is not None and now >= self.closes_at:
            await self.stop_listening()
            self.should_exit = self.should_exit or now >= self.exits_at or not self.server_state.connections
        exits = await super().on_tick(counter)
        if self.closes_at is not None:
            self.announce_close()
        return exits

    async def stop_listening(self) -> None:
        """Closes the port, and serves the connections that were waiting to be accepted."""
        if self.app.state.stopping and self.listeners:  # a retired worker's port stays open for the others
            for listener in self.listeners:
                drop_new_connections(listener)
            await asyncio.sleep(HANDSHAKE_SECONDS)
        accepted = [connection for listener in self.listeners for connection in accept_pending(listener)]
        self.listeners = ()
        for server in self.servers:
            server.close()
        for connection in accepted:
            await asyncio.get_running_loop().connect_accepted_socket(self.new_protocol, connection)

    def new_protocol(self) -> asyncio.Protocol:
        return HttpProtocol(config=self.config, server_state=self.server_state, app_state={})
