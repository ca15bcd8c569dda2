"""The supervisor: starts several workers on one port, watches, replaces, restarts and stops them.

supervisor  binds the port, starts the workers, answers no request
worker      runs the supervisor's own command line with a `WorkerSpec`: the sockets and a pipe to the supervisor
pipe        "ready DEVICE" or "error TEXT", then an empty line as heartbeat; closed when either process has ended
signals     SIGTERM and SIGINT are forwarded to every worker; SIGHUP restarts the workers one by one
end         a second signal, or `shutdown_seconds` after the drain: the workers that are left are killed
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from app.errors import StartupError
from app.server.early_signals import end_at_once, exit_status, on_end
from app.server.listeners import Listeners
from app.server.process_end import end_process, end_timer
from app.server.worker import HEARTBEAT_SECONDS, METRICS_VARIABLE, Worker, WorkerSpec
from app.settings import Settings

RETRY_DELAYS_S = (0, 1, 2, 4, 8, 16)  # before each attempt to start a replacement; the last one repeats
KILL_SECONDS = 0.5  # after the time at which a worker ends itself
END_SECONDS = 0.7  # then the supervisor ends, even if a killed worker does not: its disk may hang
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # only a folder of our own is made in it

logger = logging.getLogger(__name__)


class Supervisor:
    """Keeps `settings.workers` workers, each started with `command`, serving the listeners."""

    def __init__(self, command: Sequence[str], listeners: Listeners, settings: Settings, metrics_folder: str) -> None:
        self.command = command
        self.listeners = listeners
        self.settings = settings
        self.metrics_folder = metrics_folder
        self.workers: set[Worker] = set()  # alive: some are not ready yet, some are retired
        self.status = 0  # of the process at its end: 1 if a worker had to be killed
        self.ready = False  # all of the first workers were
        self.stopping = asyncio.Event()
        self.restart_requested = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, on_ready: Callable[[str], None]) -> None:
        """Until SIGTERM or SIGINT. Raises `StartupError` if one of the first workers cannot start."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stop, signum)
        loop.add_signal_handler(signal.SIGHUP, self.restart_requested.set)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # for workers; elsewhere it opens the log again
        self._tasks |= {loop.create_task(self._kill_unresponsive()), loop.create_task(self._restart_on_request())}
        try:
            devices = await asyncio.gather(*[self._start().ready for _ in range(self.settings.workers)])
            self.ready = True
            on_ready(devices[0])
            await self.stopping.wait()
        finally:
            if not self.stopping.is_set():
                self.stopping.set()
                self._kill_workers()
            await asyncio.gather(*[worker.exit_status for worker in self.workers])
        logger.info("all workers have ended")

    def _stop(self, signum: signal.Signals) -> None:
        """Graceful the first time, if the service was ready; else at once."""
        if not self.ready:
            self._kill_workers()
            end_at_once(signum)
        elif self.stopping.is_set():
            self._kill_workers()
            end_timer.set(0, exit_status(signum))
        else:
            self.stopping.set()
            drain_seconds = self.settings.drain_seconds if signum == signal.SIGTERM else 0
            self._set_times(drain_seconds)
            logger.info("%s: %d workers are told to stop", signum.name, len(self.workers))
            for worker in self.workers:
                worker.process.send_signal(signum if worker.was_ready else signal.SIGKILL)

    def _set_times(self, drain_seconds: float) -> None:
        """When the port closes, and when what is left is killed."""
        loop = asyncio.get_running_loop()
        loop.call_later(drain_seconds, self._close_port)
        ends_in = drain_seconds + self.settings.shutdown_seconds
        loop.call_later(ends_in + KILL_SECONDS, self._kill_workers)
        end_timer.set(ends_in + END_SECONDS)

    def _close_port(self) -> None:
        """It is closed with the last worker's copy. A worker that stops alone leaves it open for the others."""
        self.listeners.refuse_new_connections()
        self.listeners.close()

    def _kill_workers(self) -> None:
        for worker in self.workers:
            if self.ready:
                logger.error("worker %d is killed: it has not ended in time", worker.process.pid)
            self.status = 1
            worker.process.kill()

    def _start(self) -> Worker:
        if self.stopping.is_set():
            raise StartupError("the service is shutting down")
        taken = {worker.number for worker in self.workers}
        number = next(number for number in itertools.count() if number not in taken)
        read, write = os.pipe()
        os.set_blocking(write, False)
        service, operations = (
            tuple(listener.fileno() for listener in listeners)
            for listeners in (self.listeners.service, self.listeners.operations)
        )
        spec = WorkerSpec(number, write, service, operations)
        pipe = os.fdopen(read, "rb", 0)
        try:
            worker = Worker(number, self._spawn(spec), pipe)
        finally:
            os.close(write)
        self.workers.add(worker)
        task = asyncio.create_task(self._replace_on_exit(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return worker

    def _spawn(self, spec: WorkerSpec) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.command, "--worker", str(spec)],
            env=os.environ | {METRICS_VARIABLE: self.metrics_folder},
            pass_fds=(spec.pipe, *spec.service, *spec.operations),
            process_group=0,  # a terminal sends Ctrl+C to the supervisor alone, which forwards it
        )

    async def _replace_on_exit(self, worker: Worker) -> None:
        status = await worker.exit_status
        self.workers.remove(worker)
        mark_process_dead(worker.number, self.metrics_folder)  # type: ignore[no-untyped-call]
        if not worker.was_ready or worker.retired or self.stopping.is_set():
            return  # its exit was requested, or its start has failed, which `_start_and_wait` reports
        logger.error("worker %d exited with status %d: starting a replacement", worker.process.pid, status)
        for delay in itertools.chain(RETRY_DELAYS_S, itertools.repeat(RETRY_DELAYS_S[-1])):
            await asyncio.sleep(delay)
            if self.stopping.is_set() or await self._start_and_wait() is not None:
                return

    async def _start_and_wait(self) -> Worker | None:
        """A new worker that is ready, or None after the reason is logged."""
        try:
            worker = self._start()
            await worker.ready
        except (StartupError, OSError) as error:
            logger.error("a new worker failed to start: %s", error)  # noqa: TRY400  # the message says it all
            return None
        logger.info("worker %d is ready", worker.process.pid)
        return worker

    async def _restart_on_request(self) -> None:
        """Rolling: the new worker is ready before the old one retires. If it fails to start, the old ones stay."""
        while True:
            await self.restart_requested.wait()
            self.restart_requested.clear()
            for old in [worker for worker in self.workers if worker.was_ready and not worker.retired]:
                new = await self._start_and_wait()
                if new is None:
                    break
                surplus = old if old in self.workers else new  # an old one that died meanwhile was replaced already
                surplus.retire()
                await asyncio.wait([surplus.exit_status])

    async def _kill_unresponsive(self) -> None:
        """Counts seconds instead of comparing clocks: after a suspended machine resumes, no worker is overdue."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for worker in self.workers:
                worker.seconds_since_heartbeat += HEARTBEAT_SECONDS
                if worker.was_ready and worker.seconds_since_heartbeat > self.settings.worker_timeout_seconds:
                    logger.error("worker %d is unresponsive: killing it", worker.process.pid)
                    worker.process.kill()


def supervise(
    arguments: Sequence[str], listeners: Listeners, settings: Settings, on_ready: Callable[[str], None]
) -> None:
    """Serves with several processes of `python -m app ARGUMENTS`, and ends this one. Raises `StartupError`."""
    if sys.platform == "win32":
        raise StartupError("several workers need signals and inherited sockets, which Windows lacks: use --workers 1")
    end_timer.start()
    with temporary_metrics_folder() as folder:

        async def run() -> None:
            command = [sys.executable, "-m", "app", *arguments]
            supervisor = Supervisor(command, listeners, settings, folder)
            await supervisor.run(on_ready)
            end_process(supervisor.status)

        asyncio.run(run())


@contextmanager
def temporary_metrics_folder() -> Iterator[str]:
    """In shared memory where that is writable, so that the workers run on a read-only file system."""
    parent = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    try:
        made = tempfile.TemporaryDirectory(prefix="digits-metrics-", dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise StartupError(f"several workers need a folder for their metrics: {error}") from error
    with made as folder:
        on_end(lambda: shutil.rmtree(folder, ignore_errors=True))
        yield folder
