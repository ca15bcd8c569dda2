"""python -m app serve | predict"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
import sys
import time
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
from app.settings import Settings

KEEP_ALIVE_SECONDS = 75  # longer than the idle time of the usual proxies (60 s), or they meet closed connections


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
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
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        lifespan="off",  # entered by `run`, so that a refusal to start is one line and not a traceback
        log_config=None,
        log_level="warning",
        access_log=False,  # 30 of a request's 150 microseconds
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        server_header=False,
    )
    server = Server(config, settings.drain_seconds)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run(server))
    return 0


async def run(server: Server) -> None:
    """Loads the models, takes requests until told to stop, answers what is queued."""
    async with server.app.router.lifespan_context(server.app):
        await server.serve()


class Server(uvicorn.Server):
    """uvicorn, with a drain: on SIGTERM it says it is not ready, and only later stops taking connections.

    uvicorn alone closes its socket the moment the signal arrives, when a load balancer still sends requests.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        assert isinstance(config.app, FastAPI)
        self.app = config.app
        self.drain_seconds = drain_seconds
        self.drained_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM drains; Ctrl+C stops without a drain; a second signal does not wait for requests under way."""
        self.app.state.stopping = True
        if self.should_exit:
            self.force_exit = True
        elif sig == signal.SIGTERM and self.drained_at is None:
            self.drained_at = time.monotonic() + self.drain_seconds
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if self.drained_at is not None and time.monotonic() >= self.drained_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(welcome(self), flush=True)


def welcome(server: Server) -> str:
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    device = server.app.state.repository.get().model.device
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
