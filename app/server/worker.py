"""A worker, one of several processes that serve the same port, from both ends of its pipe to the supervisor."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import IO, NamedTuple, Self

from prometheus_client import values

from app.errors import StartupError
from app.server.early_signals import on_end
from app.server.listeners import Listeners

HEARTBEAT_SECONDS = 1
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's: the folder of all workers' metrics


class WorkerSpec(NamedTuple):
    """What a worker is started with. The supervisor passes it on the command line."""

    number: int  # unique among the workers alive; names the files of its metrics
    pipe: int  # file descriptor
    service: tuple[int, ...]  # file descriptors of the listening sockets
    operations: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        number, pipe, service, operations = json.loads(text)
        return cls(number, pipe, tuple(service), tuple(operations))

    def __str__(self) -> str:
        return json.dumps(self)

    def share_metrics(self) -> None:
        """Must be called before the first metric is created. A worker adds to the files of the one it replaces."""
        values.ValueClass = values.MultiProcessValue(lambda: self.number)  # type: ignore[no-untyped-call]

    def open_listeners(self) -> Listeners:
        service, operations = (
            [socket.socket(fileno=descriptor) for descriptor in descriptors]
            for descriptors in (self.service, self.operations)
        )
        return Listeners(service, operations, shared=True)

    def send(self, line: str) -> bool:
        """Whether the supervisor is alive."""
        try:
            os.write(self.pipe, line.replace("\n", " ").encode() + b"\n")
        except BlockingIOError:  # alive, but not reading
            return True
        except BrokenPipeError:
            return False
        return True

    def send_heartbeat(self, on_orphaned: Callable[[], None]) -> None:
        """Repeats itself in the event loop, so that a loop that hangs is noticed, until the supervisor has died."""
        if self.send(""):
            asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self.send_heartbeat, on_orphaned)
        else:
            folder = os.environ[METRICS_VARIABLE]
            on_end(lambda: shutil.rmtree(folder, ignore_errors=True))  # else nobody removes it
            on_orphaned()


class Worker:
    """A worker's process, as the supervisor sees it."""

    def __init__(self, number: int, process: subprocess.Popen[bytes], pipe: IO[bytes]) -> None:
        self.number = number
        self.process = process
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()  # the device of its models
        self.exit_status = asyncio.create_task(self._read_until_exit(pipe))
        self.retired = False
        self.seconds_since_heartbeat = 0

    @property
    def was_ready(self) -> bool:
        return self.ready.done() and self.ready.exception() is None

    def retire(self) -> None:
        self.retired = True
        self.process.send_signal(signal.SIGUSR1)

    async def _read_until_exit(self, pipe: IO[bytes]) -> int:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        async for line in reader:
            self.seconds_since_heartbeat = 0
            kind, _, text = line.decode().strip().partition(" ")
            if kind == "ready":
                self.ready.set_result(text)
            elif kind == "error":
                self.ready.set_exception(StartupError(text))
        status = await asyncio.to_thread(self.process.wait)
        if not self.ready.done():
            self.ready.set_exception(StartupError(f"a worker exited with status {status} before it was ready"))
        return status
