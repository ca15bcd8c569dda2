"""Records are appended by several processes, survive crashes, and are refused rather than lost."""

from __future__ import annotations

import asyncio
import errno
import json
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from app.audit import log as log_module
from app.audit.log import AuditLog, open_log
from app.audit.record import FIRST_PREVIOUS, Act, line_hash
from app.audit.verify import verify_log
from app.errors import AuditUnavailable, StartupError
from tests.support.service import TIMEOUT_S

LOAD = Act("load", "digits/8", "done")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def append_many(path: Path, count: int) -> None:
    log = open_log(path)
    for _ in range(count):
        log.append(LOAD)


def test_each_record_holds_the_hash_of_the_line_before_it(path: Path) -> None:
    open_log(path).append(LOAD, Act("unload", "digits/7", "done", "replaced"))
    lines = path.read_bytes().splitlines()
    assert [record["seq"] for record in records(path)] == [1, 2, 3]
    assert [record["previous"] for record in records(path)] == [FIRST_PREVIOUS, *map(line_hash, lines[:2])]
    assert records(path)[0]["act"] == "start"


def test_only_its_owner_may_read_it(path: Path) -> None:
    open_log(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_restart_continues_the_chain(path: Path) -> None:
    for _ in range(3):
        log = open_log(path)
        log.append(LOAD)
        log.close()
    assert verify_log(path).records == 6


def test_several_processes_write_one_chain(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=append_many, args=(path, 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert verify_log(path).records == 3 * 21


@pytest.mark.parametrize("kept", [1, 40, -1], ids=["a byte", "half", "all but the line break"])
def test_what_a_crash_left_of_a_record_is_ended_and_named(path: Path, kept: int) -> None:
    log = open_log(path)
    log.append(LOAD)
    log.close()
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:kept])
    open_log(path).append(LOAD)
    verified = verify_log(path)
    assert (verified.records, verified.cut_off) == (4, 1)
    assert path.read_bytes().splitlines()[1] == second[:kept].rstrip(b"\n")
    assert "repair" in path.read_text()


def test_a_crash_in_the_first_record_is_repaired_too(path: Path) -> None:
    path.write_bytes(b'{"seq":1,"ti')
    open_log(path)
    assert (verify_log(path).records, verify_log(path).cut_off) == (2, 1)


def test_a_file_that_is_no_audit_log_is_not_written_to(path: Path) -> None:
    path.write_text("a shopping list\n")
    with pytest.raises(StartupError, match=r"last line is not a record.*verify-audit"):
        open_log(path)
    assert path.read_text() == "a shopping list\n"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_only_a_regular_file_is_taken(path: Path, make: Any) -> None:
    make(path)
    with pytest.raises(StartupError, match=r"cannot be (opened|written)"):
        open_log(path)


def test_a_missing_folder_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="No such file or directory"):
        open_log(tmp_path / "none" / "audit.log")


def test_a_full_device_ends_the_start() -> None:
    with pytest.raises(StartupError, match="not a regular file"):
        open_log(Path("/dev/full"))


def test_what_a_full_disk_let_through_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(path)
    before = path.read_bytes()
    write = os.write

    def write_half(descriptor: int, content: bytes) -> int:
        if len(content) < 150:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content[: len(content) // 2])

    monkeypatch.setattr(os, "write", write_half)
    with pytest.raises(AuditUnavailable):
        log.append(LOAD)
    monkeypatch.undo()
    assert path.read_bytes() == before
    log.append(LOAD)
    assert verify_log(path).records == 2


def test_a_file_over_the_limit_of_the_process_is_a_failure_and_not_a_loss(path: Path) -> None:
    """A real limit of the operating system, in a process of its own."""
    program = f"""
import resource, signal
from pathlib import Path
from app.audit.log import open_log
from app.audit.record import Act
from app.errors import AuditUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = open_log(Path({str(path)!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
try:
    log.append(Act("load", "digits/8", "done"))
except AuditUnavailable:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "refused\n"
    assert verify_log(path).records == 1


@pytest.mark.parametrize("how", ["removed", "replaced", "shortened"])
def test_a_log_that_was_tampered_with_takes_no_more_records(path: Path, how: str) -> None:
    log = open_log(path)
    log.append(LOAD)
    lines = path.read_bytes().splitlines(keepends=True)
    if how == "shortened":
        os.truncate(path, len(lines[0]))
    else:
        path.unlink()
    if how == "replaced":
        path.write_bytes(b"".join(lines))
    with pytest.raises(AuditUnavailable):
        log.append(LOAD)


def test_a_record_that_was_forged_takes_no_more_records_behind_it(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The last record: no other holds its hash, so that only the process that wrote it can tell."""
    log = open_log(path)
    log.append(LOAD)
    path.write_bytes(path.read_bytes().replace(b"digits/8", b"digits/7"))
    verify_log(path)
    with pytest.raises(AuditUnavailable):
        log.append(LOAD)
    assert "is changed or missing" in caplog.text
    assert verify_log(path).records == 2


def test_records_of_other_processes_are_no_change(path: Path) -> None:
    first, second = open_log(path), open_log(path)
    for log in (first, second, first, second):
        log.append(LOAD)
    assert verify_log(path).records == 6


def test_a_record_that_takes_several_writes_is_complete(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:50]))
    log.append(LOAD)
    monkeypatch.undo()
    assert verify_log(path).records == 2


def test_a_lock_that_another_process_never_gives_back_is_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    log = open_log(path)
    monkeypatch.setattr(log_module, "LOCK_SECONDS", 0.05)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(AuditUnavailable):
            log.append(LOAD)
    log.append(LOAD)


def test_a_long_reason_is_cut_off(path: Path) -> None:
    AuditLog.append(open_log(path), Act("load", "x" * 5000, "refused", "\x00" * 50_000))
    assert verify_log(path).records == 2


def test_a_disk_that_hangs_refuses_records_and_keeps_one_thread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads of asyncio's own pool, which statistics and explanations share, stay free."""
    go_on, waiting, sync = threading.Event(), [], os.fsync

    def hang(descriptor: int) -> None:
        waiting.append(descriptor)
        go_on.wait(TIMEOUT_S)
        sync(descriptor)

    async def scenario() -> None:
        refused = await asyncio.gather(*(log.record(LOAD) for _ in range(50)), return_exceptions=True)
        assert [type(error) for error in refused] == [AuditUnavailable] * 50
        assert len(waiting) <= 1  # none if the thread had no core yet
        assert await asyncio.to_thread(lambda: 7) == 7
        go_on.set()
        while log._threads._works:
            await asyncio.sleep(0.001)
        monkeypatch.setattr(log_module, "RECORD_SECONDS", TIMEOUT_S)
        await log.record(LOAD)

    log = open_log(path)
    monkeypatch.setattr(os, "fsync", hang)
    monkeypatch.setattr(log_module, "RECORD_SECONDS", 0.05)
    asyncio.run(asyncio.wait_for(scenario(), TIMEOUT_S / 2))
    assert verify_log(path).records == 3


def test_a_record_is_on_the_disk_before_it_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the name of a new file too: both in the order that a power failure leaves in order."""
    done: list[str] = []
    write, sync = os.write, os.fsync

    def note_write(descriptor: int, content: bytes) -> int:
        done.append("write")
        return write(descriptor, content)

    def note_sync(descriptor: int) -> None:
        done.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync")
        sync(descriptor)

    monkeypatch.setattr(os, "write", note_write)
    monkeypatch.setattr(os, "fsync", note_sync)
    log = open_log(path)
    assert done == ["sync folder", "write", "sync"]
    log.append(LOAD)
    assert done[3:] == ["write", "sync"]


def test_a_thread_that_never_gives_the_lock_back_is_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(path)
    monkeypatch.setattr(log_module, "LOCK_SECONDS", 0.05)
    with log._thread_lock, pytest.raises(AuditUnavailable):
        log.append(LOAD)
    log.append(LOAD)


def test_a_file_that_a_thread_still_writes_to_is_not_closed(path: Path) -> None:
    log = open_log(path)
    with log._thread_lock:
        log.close()
    log.append(LOAD)
