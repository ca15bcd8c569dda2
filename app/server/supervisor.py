"""Several processes that serve one port: started together, watched, replaced, restarted one by one, stopped together.

parent    binds the port, starts the workers, answers no request
worker    the parent's own command line, with a `WorkerSpec`: the sockets, and a pipe to the parent
pipe      "ready DEVICE" or "error TEXT", then an empty line a second; its end is the end of whoever held the other
signals   SIGTERM and SIGINT go on to every worker; SIGHUP renews the workers, one after the other
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, Self

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from app.errors import StartupError

HEARTBEAT_SECONDS = 1
PAUSES = (0, 1, 2, 4, 8, 16)  # seconds before a worker that could not start is tried again; the last one holds
METRICS = "PROMETHEUS_MULTIPROC_DIR"
MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it

logger = logging.getLogger(__name__)


class WorkerSpec(NamedTuple):
    """What a worker gets of its parent, on its command line."""

    number: int  # of no other worker alive; it names the files of its metrics
    pipe: int
    sockets: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        number, pipe, *sockets = map(int, text.split(","))
        return cls(number, pipe, tuple(sockets))

    def __str__(self) -> str:
        return ",".join(map(str, (self.number, self.pipe, *self.sockets)))

    def share_metrics(self) -> None:
        """Before the first figure is made. A worker goes on counting in the files of the one it replaces."""
        values.ValueClass = values.MultiProcessValue(lambda: self.number)  # type: ignore[no-untyped-call]

    def open_sockets(self) -> list[socket.socket]:
        return [socket.socket(fileno=each) for each in self.sockets]

    def tell(self, line: str) -> bool:
        """False if there is no parent any more."""
        try:
            os.write(self.pipe, line.replace("\n", " ").encode() + b"\n")
        except BlockingIOError:  # it does not read, and lives
            return True
        except BrokenPipeError:
            return False
        return True

    def beat(self, on_orphaned: Callable[[], None]) -> None:
        """From now on tells the parent that the event loop turns, until there is no parent any more."""
        if self.tell(""):
            asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self.beat, on_orphaned)
        else:
            atexit.register(shutil.rmtree, os.environ[METRICS], ignore_errors=True)  # who made it cannot any more
            on_orphaned()


class Worker:
    """A process, as its parent knows it."""

    def __init__(self, number: int, process: subprocess.Popen[bytes], pipe: IO[bytes]) -> None:
        self.number = number
        self.process = process
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()  # the device it uses
        self.end = asyncio.create_task(self._follow(pipe))
        self.retired = False
        self.silent_seconds = 0

    @property
    def served(self) -> bool:
        """It was ready once."""
        return self.ready.done() and self.ready.exception() is None

    def retire(self) -> None:
        self.retired = True
        self.process.send_signal(signal.SIGUSR1)

    async def _follow(self, pipe: IO[bytes]) -> int:
        """Reads what it says until its end; its exit status."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        async for line in reader:
            self.silent_seconds = 0
            kind, _, text = line.decode().strip().partition(" ")
            if kind == "ready":
                self.ready.set_result(text)
            elif kind == "error":
                self.ready.set_exception(StartupError(text))
        status = await asyncio.to_thread(self.process.wait)
        if not self.ready.done():
            self.ready.set_exception(StartupError(f"a worker ended with status {status} before it was ready"))
        return status


class Supervisor:
    """Keeps `count` workers, each started with `command`, serving the sockets."""

    def __init__(
        self, command: Sequence[str], sockets: Sequence[socket.socket], count: int, timeout_seconds: int, metrics: str
    ) -> None:
        """A worker silent for longer than `timeout_seconds` is killed; `metrics` is the folder of all figures."""
        self.command = command
        self.sockets = sockets
        self.count = count
        self.timeout_seconds = timeout_seconds
        self.metrics = metrics
        self.workers: set[Worker] = set()  # alive; some may not be ready yet, or are retired
        self.stopping = asyncio.Event()
        self.renewal = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, on_ready: Callable[[str], None]) -> None:
        """Until SIGTERM or SIGINT. Raises `StartupError` if one of the first workers cannot start."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._stop, each)
        loop.add_signal_handler(signal.SIGHUP, self.renewal.set)
        self._tasks |= {loop.create_task(self._kill_the_silent()), loop.create_task(self._renew_when_asked())}
        try:
            devices = await asyncio.gather(*[self._start().ready for _ in range(self.count)])
            on_ready(devices[0])
            await self.stopping.wait()
        except StartupError:
            if not self.stopping.is_set():
                raise
        finally:
            if not self.stopping.is_set():
                self._stop(signal.SIGKILL)
            await asyncio.gather(*[worker.end for worker in self.workers])

    def _stop(self, signum: signal.Signals) -> None:
        self.stopping.set()
        for each in self.sockets:  # the port closes with the last worker's copy
            each.close()
        for worker in self.workers:
            worker.process.send_signal(signum if worker.served else signal.SIGKILL)

    def _start(self) -> Worker:
        if self.stopping.is_set():
            raise StartupError("the service is shutting down")
        taken = {worker.number for worker in self.workers}
        number = next(each for each in itertools.count() if each not in taken)
        read, write = os.pipe()
        os.set_blocking(write, False)
        place = WorkerSpec(number, write, tuple(each.fileno() for each in self.sockets))
        pipe = os.fdopen(read, "rb", 0)
        try:
            process = subprocess.Popen(
                [*self.command, "--worker", str(place)],
                env=os.environ | {METRICS: self.metrics},
                pass_fds=(write, *place.sockets),
                process_group=0,  # Ctrl+C is for the parent alone, which passes it on
            )
        finally:
            os.close(write)
        worker = Worker(number, process, pipe)
        self.workers.add(worker)
        task = asyncio.create_task(self._replace_at_its_end(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return worker

    async def _replace_at_its_end(self, worker: Worker) -> None:
        status = await worker.end
        self.workers.remove(worker)
        mark_process_dead(worker.number, self.metrics)  # type: ignore[no-untyped-call]
        if not worker.served or worker.retired or self.stopping.is_set():
            return  # whoever wanted it, or its end, knows
        logger.error("worker %d ended with status %d: another is started", worker.process.pid, status)
        for pause in itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])):
            await asyncio.sleep(pause)
            if self.stopping.is_set() or await self._started() is not None:
                return

    async def _started(self) -> Worker | None:
        """A new worker that is ready, or None: then it is said why not."""
        try:
            worker = self._start()
            await worker.ready
        except (StartupError, OSError) as error:
            logger.error("a new worker does not start: %s", error)  # noqa: TRY400  # one line says it
            return None
        logger.info("worker %d is ready", worker.process.pid)
        return worker

    async def _renew_when_asked(self) -> None:
        """One worker more than wanted at a time. If the new one does not start, the old ones go on."""
        while True:
            await self.renewal.wait()
            self.renewal.clear()
            for old in [each for each in self.workers if each.served and not each.retired]:
                new = await self._started()
                if new is None:
                    break
                surplus = old if old in self.workers else new  # one that died meanwhile was replaced
                surplus.retire()
                await asyncio.wait([surplus.end])

    async def _kill_the_silent(self) -> None:
        """Seconds are counted, not measured: a machine that slept is no worker that hangs."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for worker in self.workers:
                worker.silent_seconds += HEARTBEAT_SECONDS
                if worker.served and worker.silent_seconds > self.timeout_seconds:
                    logger.error("worker %d hangs: it is killed", worker.process.pid)
                    worker.process.kill()


def supervise(
    arguments: Sequence[str],
    sockets: Sequence[socket.socket],
    count: int,
    timeout_seconds: int,
    on_ready: Callable[[str], None],
) -> None:
    """Serves with `count` processes of `python -m app ARGUMENTS` until told to stop. Raises `StartupError`."""
    if sys.platform == "win32":
        raise StartupError("several workers need signals and inherited sockets, which Windows lacks: use --workers 1")
    with metrics_folder() as metrics:

        async def run() -> None:
            command = [sys.executable, "-m", "app", *arguments]
            await Supervisor(command, sockets, count, timeout_seconds, metrics).run(on_ready)

        asyncio.run(run())


@contextmanager
def metrics_folder() -> Iterator[str]:
    """A new folder, in memory where that can be written, so that a read-only file system will do."""
    folder = MEMORY if os.access(MEMORY, os.W_OK) else None
    try:
        made = tempfile.TemporaryDirectory(prefix="digits-metrics-", dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        raise StartupError(f"several workers need a folder for their metrics: {error}") from error
    with made as name:
        yield name
