"""The end of the process, whatever its threads do: each program ends within seconds, or the test times out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

BEGIN = """
import ctypes, threading, time
from app.server.early_signals import on_end
from app.server.process_end import end_process, end_timer
on_end(lambda: print("cleaned up"))
on_end(lambda: 1 / 0)
threading.Thread(target=time.sleep, args=(600,), name="reader").start()
end_timer.start()
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BEGIN + program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)


def test_end_does_not_wait_for_a_thread_and_names_it() -> None:
    ended = run("end_process(0)")
    assert (ended.returncode, ended.stdout) == (0, "cleaned up\n")
    assert "reader in " in ended.stderr


def test_threads_that_wait_for_work_are_not_named() -> None:
    ended = run(
        "import queue\n"
        "threading.Thread(target=threading.Event().wait, name='waiting').start()\n"
        "threading.Thread(target=queue.Queue().get, args=(True, 600), name='polling').start()\n"
        "time.sleep(0.2)\n"
        "end_process(0)"
    )
    assert "reader in " in ended.stderr
    assert "waiting" not in ended.stderr
    assert "polling" not in ended.stderr


def test_timer_ends_a_process_whose_main_thread_is_stuck() -> None:
    ended = run("end_timer.set(0.1, 3)\ntime.sleep(600)")
    assert (ended.returncode, ended.stdout) == (3, "cleaned up\n")
    assert "MainThread in " in ended.stderr


def test_later_time_does_not_replace_an_earlier_one() -> None:
    assert run("end_timer.set(0.1, 3)\nend_timer.set(600, 4)\ntime.sleep(600)").returncode == 3


def test_earlier_time_replaces_a_later_one() -> None:
    assert run("end_timer.set(600, 3)\nend_timer.set(0.1, 4)\ntime.sleep(600)").returncode == 4


@pytest.mark.skipif(sys.platform == "win32", reason="calls sleep of the C library")
def test_timer_ends_a_process_whose_interpreter_is_locked() -> None:
    """No thread of Python can run: `PyDLL` holds the lock during the call."""
    assert run("end_timer.set(0.1, 3)\nctypes.PyDLL(None).sleep(600)").returncode == 1


def test_clean_up_that_is_stuck_does_not_keep_the_process() -> None:
    assert run("on_end(lambda: time.sleep(600))\nend_timer.set(0.1, 3)\ntime.sleep(600)").returncode == 1
