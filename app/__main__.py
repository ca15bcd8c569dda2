"""python -m app serve | predict"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from app import offline
from app.errors import StartupError
from app.main import create_app
from app.model import Model
from app.repository import newest_version, read_version
from app.server import Protocol
from app.settings import Settings
from app.workers import Place, supervise

LINGER_SECONDS = 1  # a connection that was just made, or is idle, may still bring a request for so long
KEEP_ALIVE_SECONDS = 75  # longer than the idle time of the usual proxies (60 s), or they meet closed connections
CLOSE = (b"connection", b"close")


def main(argv: list[str] | None = None) -> int:
    given_argv = sys.argv[1:] if argv is None else argv
    arguments = build_parser().parse_args(given_argv)
    arguments.argv = given_argv
    given = {name: value for name, value in vars(arguments).items() if name in Settings.model_fields}
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
        return arguments.run_verb(settings, arguments)  # type: ignore[no-any-return]  # argparse does not know
    except ValidationError as error:
        first = error.errors()[0]
        where = f"--{str(first['loc'][0]).replace('_', '-')}: " if first["loc"] else ""
        print(f"error: {where}{first['msg']}", file=sys.stderr)
    except StartupError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130  # as shells say it
    return 1


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description="Reads handwritten digits.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser("serve", help="start the service")
    add_settings(verb, *Settings.model_fields)
    verb.add_argument("--worker", type=Place.parse, help=argparse.SUPPRESS)  # of a parent that `supervise` runs in
    verb.set_defaults(run_verb=serve)

    verb = verbs.add_parser("predict", help="read picture files and folders, without a server")
    verb.add_argument("paths", nargs="+", type=Path, metavar="FILES", help="pictures, or folders of them")
    verb.add_argument("--model", dest="default_model", help="the model's name")
    verb.add_argument("--format", choices=sorted(offline.WRITERS), default="table", help="of what is printed")
    add_settings(verb, "device", "models", "max_batch_size", "max_pixels")
    verb.set_defaults(run_verb=predict)
    return parser


def add_settings(parser: argparse.ArgumentParser, *names: str) -> None:
    """Each setting as an option. The text is the setting's own; its value is checked by `Settings`."""
    for name in names:
        field = Settings.model_fields[name]
        option = "--" + name.replace("_", "-")
        text = f"{field.description} (default: {field.default or field.get_default()}; DIGITS_{name.upper()})"
        parser.add_argument(option, help=text.replace("%", "%%"), metavar=name.upper())


def start_logging(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    for parser in ("PIL", "python_multipart"):  # what they say of a caller's bytes is answered to the caller
        logging.getLogger(parser).setLevel(logging.ERROR)


def serve(settings: Settings, arguments: argparse.Namespace) -> int:
    start_logging(settings.log_level)
    if arguments.worker:
        return serve_as_worker(settings, arguments.worker)
    sockets = bind(settings.host, settings.port)

    def say_welcome(device: str) -> None:
        host, port = sockets[0].getsockname()[:2]
        print(welcome(host, port, device), flush=True)

    if settings.workers > 1:
        supervise(arguments.argv, sockets, settings.workers, settings.worker_timeout_seconds, say_welcome)
    else:
        serve_here(settings, sockets, lambda server: say_welcome(server.device))
    return 0


def serve_as_worker(settings: Settings, place: Place) -> int:
    """One of several processes. What keeps it from starting is said by its parent, once for all of them."""

    def report(server: Server) -> None:
        place.tell(f"ready {server.device}")
        place.beat(on_orphaned=server.retire)

    place.share_metrics()
    try:
        serve_here(settings, place.open_sockets(), report)
    except StartupError as error:
        place.tell(f"error {error}")
        return 1
    return 0


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
        app.layers,
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
    async with server.app.router.lifespan_context(server.app):
        gc.collect()
        gc.freeze()  # the models and the framework are never garbage: no later collection need look through them
        await server.serve(sockets)


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
        if self.closes_at is not None and self.ends_at is not None and now >= self.closes_at:
            await self.stop_listening()
            self.should_exit = self.should_exit or now >= self.ends_at or not self.server_state.connections
        return await super().on_tick(counter)

    async def stop_listening(self) -> None:
        """Takes those that wait to be accepted, whom the system would turn away when the socket is closed."""
        accepted = [connection for listener in self.listeners for connection in accept_all(listener)]
        self.listeners = ()
        for server in self.servers:
            server.close()
        for connection in accepted:
            await asyncio.get_running_loop().connect_accepted_socket(self.new_protocol, connection)

    def new_protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn's own startup does
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def accept_all(listener: socket.socket) -> list[socket.socket]:
    accepted = []
    with suppress(OSError):  # BlockingIOError: that was the last
        while True:
            accepted.append(listener.accept()[0])
    return accepted


def welcome(host: str, port: int, device: str) -> str:
    if host in ("127.0.0.1", "0.0.0.0", "::1", "::"):  # noqa: S104  # only compared
        host = "localhost"
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return (
        f"Digits is reading on {address} ({device}); draw on that page, see {address}/docs, or try:\n"
        f"  curl -s {address}/static/seven.png | curl -s --data-binary @- {address}/predict"
    )


def predict(settings: Settings, arguments: argparse.Namespace) -> int:
    manifest, graph = read_version(newest_version(settings.models, settings.default_model))
    readings = offline.read_files(
        arguments.paths,
        Model(graph, settings.device),
        manifest,
        batch_size=settings.max_batch_size,
        max_pixels=settings.max_pixels,
    )
    return offline.write(readings, arguments.format)


if __name__ == "__main__":
    sys.exit(main())
