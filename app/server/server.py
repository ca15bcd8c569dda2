"""The HTTP server of one process: uvicorn with a graceful shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple, NoReturn

import uvicorn

from app.errors import StartupError
from app.inference.memory import MemoryTrimmer, return_large_blocks, trim_memory
from app.main import Service, create_app, create_operations_app
from app.observability import metrics
from app.observability.process_metrics import ConnectionMetrics, is_busy
from app.server.connection.clock import check_connections
from app.server.connection.http_protocol import HttpProtocol
from app.server.connection.response import CONNECTION_CLOSE
from app.server.early_signals import exit_status, on_end
from app.server.listeners import Listeners, accept_pending
from app.server.process_end import end_process, end_timer
from app.settings import Settings

LINGER_SECONDS = 1  # how long a new or idle connection may still bring a request after the port is closed
KEEP_ALIVE_SECONDS = 75  # longer than the idle time of common proxies (60 s), which would meet closed connections
HANDSHAKE_SECONDS = 0.2  # a handshake that began before the port closes has this long to complete
CLOSING_SECONDS = 0.3  # after `shutdown_seconds`, to close the models and to flush the metrics
# How long a thread that parses JSON may keep the interpreter from the event loop, which asks for it after each system
# call. With Python's 5 ms small requests took 50 ms beside it.
SWITCH_SECONDS = 0.0005
JOIN_SECONDS = 2  # after a start that failed, for threads that still work, such as one that reads from a hung disk

logger = logging.getLogger(__name__)


def run_server(settings: Settings, listeners: Listeners, on_ready: Callable[[Server], None]) -> NoReturn:
    """Serves until a signal ends it, and then ends this process. Raises `StartupError`."""
    sys.setswitchinterval(SWITCH_SECONDS)
    end_timer.start()
    on_end(metrics.flush)
    server = Server(settings, create_app(settings), listeners, on_ready)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        try:
            runner.run(load_and_serve(server))
        except BaseException:
            end_timer.set(JOIN_SECONDS)
            raise
        end_process(0)


def uvicorn_config(app: Service) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",  # entered by `load_and_serve`, so that a refusal to start is one line and not a traceback
        log_config=None,
        log_level="warning",
        access_log=False,  # 30 of a request's 150 microseconds
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False,
        http=HttpProtocol,
        proxy_headers=False,  # nothing here uses the client's address
    )


async def load_and_serve(server: Server) -> None:
    return_large_blocks()
    async with server.app.router.lifespan_context(server.app):
        gc.collect()
        gc.freeze()  # the models and the framework are never garbage: no later collection scans them
        trim_memory()
        await server.serve([*server.listeners.service])
    metrics.flush()
    server.log("models are closed, the process ends")


class Shutdown(NamedTuple):
    """A graceful shutdown. Its times are monotonic seconds."""

    reason: str
    began: float
    closes_at: float  # no new connections from then on
    exits_at: float  # no idle connections from then on
    ends_at: float  # no requests from then on


class Server(uvicorn.Server):
    """uvicorn's server with a graceful shutdown. Alone it closes its port at SIGTERM, when clients still connect.

        SIGTERM    readiness is 503; after `drain_seconds` no new connections; exit
        retire()   one worker of several: no new connections from now on, readiness unchanged; exit
        SIGINT     exit
        again      the process ends at once; of several workers, the supervisor ends them

    Until the exit every response says Connection: close, so that keep-alive clients reconnect elsewhere. A client whose
    connection is closed while it sends a request cannot know whether the request was handled. `shutdown_seconds` later
    the process ends, whatever it still does.
    """

    def __init__(
        self, settings: Settings, app: Service, listeners: Listeners, on_ready: Callable[[Server], None]
    ) -> None:
        super().__init__(uvicorn_config(app))
        self.settings = settings
        self.app = app
        self.listeners = listeners
        self.on_ready = on_ready
        self.listening = True
        self.announced = False
        self.plan: Shutdown | None = None
        self.operations_servers: list[asyncio.Server] = []

    @property
    def device(self) -> str:
        """The device that the default model runs on."""
        return str(self.app.state.repository.get().model.device)

    @property
    def requests_in_progress(self) -> int:
        return sum(is_busy(connection) for connection in self.server_state.connections)

    # --- signals ---

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Only notes what is to happen: a handler may interrupt any line, so that locks and logs are out of reach.

        A worker gets a signal twice if both the supervisor and a service manager send it, as systemd does.
        """
        self.app.state.stopping = True
        if self.plan and not self.listeners.shared:
            end_timer.set(0, exit_status(sig))
        elif sig == signal.SIGINT:
            self.begin_shutdown("SIGINT", drain_seconds=0, linger_seconds=0)
        elif not self.plan:
            linger = min(LINGER_SECONDS, self.settings.shutdown_seconds / 2)
            self.begin_shutdown(signal.Signals(sig).name, self.settings.drain_seconds, linger)

    def retire(self) -> None:
        if not self.plan:
            self.begin_shutdown("retired", 0, max(self.settings.drain_seconds, LINGER_SECONDS))

    def begin_shutdown(self, reason: str, drain_seconds: float, linger_seconds: float) -> None:
        now = time.monotonic()
        closes_at = now + drain_seconds
        exits_at = closes_at + linger_seconds
        ends_at = max(exits_at, closes_at + self.settings.shutdown_seconds)
        self.plan = Shutdown(reason, now, closes_at, exits_at, ends_at)
        self.announce_close()
        end_timer.set(ends_at - now + CLOSING_SECONDS)

    def announce_close(self) -> None:
        """Requests in progress hold this list too."""
        if CONNECTION_CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers.append(CONNECTION_CLOSE)

    def handle_other_signals(self) -> None:
        """SIGHUP and SIGUSR1, which reload a service or its log elsewhere, and by default would end this one."""
        if hasattr(signal, "SIGUSR1"):
            retires = self.listeners.shared
            signal.signal(signal.SIGUSR1, (lambda *_: self.retire()) if retires else signal.SIG_IGN)
        if hasattr(signal, "SIGHUP") and not self.listeners.shared:
            loop = asyncio.get_running_loop()
            signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(explain_hang_up))

    # --- the steps of uvicorn's server ---

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.handle_other_signals()
        try:
            await super().startup(sockets)
            await self.open_operations_port()
        except OSError as error:  # another process had bound the port too, and was the first to listen
            raise StartupError(f"cannot listen: {error.strerror}") from error
        self.trimmer = MemoryTrimmer()
        ConnectionMetrics(self.server_state.connections)
        check_connections(self.server_state.connections)  # type: ignore[arg-type]  # they are all our own
        self.on_ready(self)

    async def open_operations_port(self) -> None:
        if not self.listeners.operations:
            return
        config = uvicorn_config(create_operations_app(self.app, self.settings))
        for listener in self.listeners.operations:
            server = await asyncio.get_running_loop().create_server(lambda: self.new_protocol(config), sock=listener)
            self.operations_servers.append(server)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # once a second
            metrics.flush()
        if counter % 50 == 49:  # every five seconds
            self.trimmer.check()
        if self.plan:
            await self.follow(self.plan)
        exits = await super().on_tick(counter)
        if self.plan:
            self.announce_close()
        return exits

    async def follow(self, plan: Shutdown) -> None:
        if not self.announced:
            self.announced = True
            self.log(f"draining for {plan.closes_at - plan.began:g} s")
        if time.monotonic() >= plan.closes_at:
            await self.stop_listening()
            idle = not self.server_state.connections or time.monotonic() >= plan.exits_at
            self.should_exit = self.should_exit or idle

    async def stop_listening(self) -> None:
        """Closes the port, and serves the connections that were waiting to be accepted."""
        if not self.listening:
            return
        self.listening = False
        if not self.listeners.shared:  # else the supervisor does it once for all, or the others still need the port
            self.listeners.refuse_new_connections()
        if self.app.state.stopping:
            await asyncio.sleep(HANDSHAKE_SECONDS)
        accepted = [connection for listener in self.listeners.service for connection in accept_pending(listener)]
        for server in self.servers:
            server.close()
        for connection in accepted:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: self.new_protocol(self.config), connection)
        self.log("the port is closed")

    def new_protocol(self, config: uvicorn.Config) -> asyncio.Protocol:
        return HttpProtocol(config=config, server_state=self.server_state, app_state={})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.plan:
            seconds = max(0.1, self.plan.ends_at - time.monotonic())
            self.config.timeout_graceful_shutdown = seconds  # type: ignore[assignment]  # asyncio takes fractions
        await super().shutdown(sockets)
        for server in self.operations_servers:
            server.close()
        self.log("connections are closed")

    def log(self, step: str) -> None:
        """A step of the shutdown, and the seconds since its beginning."""
        if self.plan:
            process = f"worker {os.getpid()}, " if self.listeners.shared else ""
            since = f"{process}{self.plan.reason} + {time.monotonic() - self.plan.began:.1f} s"
            logger.info("%s: %s; requests in progress: %d", since, step, self.requests_in_progress)


def explain_hang_up() -> None:
    logger.warning(
        "SIGHUP: one process cannot replace itself. New model versions are loaded without it; new settings need a "
        "restart, or several workers, which SIGHUP replaces one by one"
    )
