from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.processes import run_in_processes

ROOT = Path(__file__).parents[2]
# Jobs that would take a minute each, after a short one: of one done at once the bar may not tell before the next.
CODE = """
import time
from training.processes import run_in_processes
if __name__ == "__main__":
    run_in_processes(time.sleep, [(1,), *[(60,)] * 8], title="sleeping", unit="job")
"""


@pytest.fixture
def command(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A command whose processes are at work, in a process group of its own as a terminal makes it."""
    script = tmp_path / "sleep.py"
    script.write_text(CODE)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr
    shown = ""
    while "1/9" not in shown:
        character = process.stderr.read(1)
        assert character, shown
        shown += character
    yield process
    if group_exists(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
    process.stderr.close()
    process.wait()


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_are_in_the_order_of_the_tasks() -> None:
    assert run_in_processes(operator.add, [(1, 2), (3, 4)], title="adding", unit="sum") == [3, 7]


def test_what_a_job_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        run_in_processes(operator.truediv, [(1, 0), (1, 1)], title="dividing", unit="quotient")


@pytest.mark.parametrize("kill", ["Ctrl+C", "kill -9"])
def test_no_process_is_left(command: subprocess.Popen[str], kill: str) -> None:
    if kill == "Ctrl+C":
        os.killpg(command.pid, signal.SIGINT)
    else:
        command.kill()
    command.wait(timeout=60)
    deadline = time.monotonic() + 60
    while group_exists(command.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not group_exists(command.pid)
