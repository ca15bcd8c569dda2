"""Work in as many processes as there are cores. None of them outlives the command, even if it is killed."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
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
    # Spawned and not forked: a forked process would inherit the locks of other threads.
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(os.cpu_count(), context, start_process, (setup,))
    try:
        futures = [pool.submit(job, *task) for task in tasks]
        for future in tqdm(concurrent.futures.as_completed(futures), title, len(futures), unit=unit):
            future.result()
        return [future.result() for future in futures]
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
