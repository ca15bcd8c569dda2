"""A signal before the service is ready ends it, in every phase of the start, also as PID 1."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import TIMEOUT_S, start_service, wait_until

NEW_PIDS = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
can_be_pid_1 = (
    shutil.which("unshare") and subprocess.run([*NEW_PIDS, "true"], capture_output=True, check=False).returncode == 0
)


def handles(process: int, signum: int) -> bool:
    return has_bit(process, "SigCgt:", signum)


def has_bit(process: int, mask: str, signum: int) -> bool:
    """Whether one of the kernel's masks of a process has the signal."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(mask):
            return bool(int(line.split()[1], 16) >> (signum - 1) & 1)
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signal_during_the_imports_ends_the_process(workers: str, signum: signal.Signals) -> None:
    process = start_service("--workers", workers)
    wait_until(lambda: handles(process.pid, signal.SIGTERM))
    process.send_signal(signum)
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out, err) == (-signum, "", "")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_while_models_load_ends_the_process_and_its_workers(workers: str) -> None:
    process = start_service("--workers", workers)
    assert process.stderr
    while "no API keys" not in process.stderr.readline():
        pass
    if workers == "2":
        wait_until(lambda: Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().count(" ") == 2)
    process.terminate()
    process.communicate(timeout=TIMEOUT_S)  # until no process has its output open any more
    assert process.returncode == -signal.SIGTERM


def test_signal_that_the_parent_has_blocked_ends_the_process() -> None:
    """It waits until the mask is lifted, which is not before there is a handler."""
    block = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [15]); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = start_service(within=(sys.executable, "-c", block))
    wait_until(lambda: has_bit(process.pid, "SigBlk:", signal.SIGTERM))
    process.terminate()
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == -signal.SIGTERM


@pytest.mark.skipif(not can_be_pid_1, reason="needs the right to make PID namespaces")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_during_the_imports_ends_pid_1(workers: str) -> None:
    """The kernel ignores a signal without a handler there."""
    unshare = start_service("--workers", workers, within=NEW_PIDS)
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
    wait_until(lambda: children.read_text().strip())
    service = int(children.read_text())
    wait_until(lambda: handles(service, signal.SIGTERM))
    os.kill(service, signal.SIGTERM)
    unshare.communicate(timeout=TIMEOUT_S)
    assert unshare.returncode == 143


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_standard_streams_stay_out_of_the_connections(redirection: str, tmp_path: Path) -> None:
    """The number of a closed one would be given to the first socket."""
    path = tmp_path / "socket"
    process = start_service("--uds", str(path), within=("bash", "-c", f'exec "$0" "$@" {redirection}'))
    try:
        wait_until(path.exists)
        names = [str(Path(f"/proc/{process.pid}/fd/{number}").readlink()) for number in range(3)]
        assert not [name for name in names if name.startswith("socket")]
    finally:
        process.kill()
        process.communicate()
