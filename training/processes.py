"""Work in as many processes as there are cores. None of them outlives the command, even if it is killed."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from tqdm import tqdm

from training.errors import TrainingError

Result = TypeVar("Result")


def run_in_processes(
    job: Callable[..., Result],
    tasks: Sequence[tuple[Any, ...]],
    *,
    title: str,
    unit: str,
    setup: Callable[[], None] | None = None,
) -> list[Result]:
    """What `job` returns for the arguments of each task, with a progress bar; each process first calls `setup`.

    Raises what a job raises, and `TrainingError` if a process is killed.
    """
    with process_pool(os.cpu_count(), title, setup) as pool:
        futures = [pool.submit(job, *task) for task in tasks]
        for future in tqdm(concurrent.futures.as_completed(futures), title, len(futures), unit=unit):
            future.result()
        return [future.result() for future in futures]


def run_in_process(job: Callable[..., Result], *arguments: Any, title: str) -> Result:
    """What `job` returns in a process of its own, whose memory and whose libraries' state end with it.

    Raises what the job raises, and `TrainingError` if the process is killed.
    """
    with process_pool(1, title) as pool:
        return pool.submit(job, *arguments).result()


@contextlib.contextmanager
def process_pool(
    processes: int | None, title: str, setup: Callable[[], None] | None = None
) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Ends its processes after an error."""
    # Spawned and not forked: a forked process would inherit the locks of other threads.
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(processes, context, start_process, (setup,))
    try:
        yield pool
    except BaseException as error:
        for process in multiprocessing.active_children():
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise TrainingError(f"{title}: a process was killed; is there enough memory?") from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def start_process(setup: Callable[[], None] | None) -> None:
    """The executor's initializer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all processes: the first one ends the others
    threading.Thread(target=end_with_parent, daemon=True).start()
    if setup:
        setup()


def end_with_parent() -> None:
    """Ends this process when the one that started it was killed and could not do so."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def peak_memory() -> int | None:
    """The most bytes that this process, or one that it has started and waited for, has had in memory at once.

    None on Windows, which does not say.
    """
    try:
        import resource
    except ImportError:
        return None
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak if sys.platform == "darwin" else peak * 1024
