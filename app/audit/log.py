"""The file of the audit log. What it cannot take does not happen: the caller gets `AuditUnavailable` first.

entry -> lock the file -> read its last line -> append one line with the hash of that -> fsync -> unlock

Several processes write to one file, each record under an exclusive lock. What a crash left of a record is ended with a
line break and named by a `repair`, so that nothing is lost or passed off as complete.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from app.audit.author import CURRENT_AUTHOR, Author
from app.audit.record import FIRST_PREVIOUS, MAX_LINE, Act, Entry, Record, line_hash, shorten
from app.daemon_thread import DaemonThreads
from app.disk import sync_folder
from app.errors import AuditUnavailable, StartupError

LOCK_SECONDS = 5  # for which another process may hold the file
LOCK_PAUSE_SECONDS = 0.01
RECORD_SECONDS = 10  # from which on the disk hangs; waiting for the lock counts

logger = logging.getLogger(__name__)


class Tail(NamedTuple):
    """The end of the file."""

    size: int
    seq: int  # of the last complete record; 0: there is none
    previous: str  # its hash
    fragment: bytes  # what follows it without a line break


class Written(NamedTuple):
    """What this process has appended last. As long as it lives, nobody can change that unnoticed."""

    start: int  # its position in the file
    lines: bytes


class AuditLog:
    """Appends records to one file. Its methods may be called from any thread."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.written = Written(0, b"")
        self._thread_lock = threading.Lock()  # the file's lock is between processes only
        self._threads = DaemonThreads()

    async def record(self, *acts: Act) -> None:
        """Returns when the acts of the current author are on the disk. Raises `AuditUnavailable`.

        The disk may hang: then this raises after `RECORD_SECONDS`, and at once until the disk goes on. What was being
        written meanwhile may still appear in the file.
        """
        if not acts:
            return
        entries = entries_of(acts)  # here, since the thread does not know the current author
        try:
            await self._threads.run("audit log", lambda: self.append_entries(entries), RECORD_SECONDS)
        except TimeoutError as error:
            logger.error("the audit log %s cannot be written: its disk does not answer", self.path)  # noqa: TRY400  # one line
            raise AuditUnavailable from error

    def append(self, *acts: Act) -> None:
        """As `record`, but waits for the disk in this thread."""
        self.append_entries(entries_of(acts))

    def append_entries(self, entries: Sequence[Entry]) -> None:
        """Raises `AuditUnavailable`."""
        try:
            with thread_lock(self._thread_lock), file_lock(self.descriptor):
                self.check_file()
                tail = read_tail(self.descriptor)
                lines = next_lines(tail, entries)
                self.write(tail.size, lines)
                self.written = Written(tail.size, lines)
        except (OSError, Damaged) as error:
            logger.error("the audit log %s cannot be written: %s", self.path, reason_of(error))  # noqa: TRY400  # one line
            raise AuditUnavailable from error

    def check_file(self) -> None:
        """Raises `Damaged` if the path leads to another file now, or if this one was cut off or changed."""
        state = os.fstat(self.descriptor)
        try:
            same = os.path.samestat(state, self.path.stat())
        except FileNotFoundError:
            same = False
        if not same:
            raise Damaged("it was removed or replaced; restart the service to begin another one")
        start, lines = self.written
        if os.pread(self.descriptor, len(lines), start) != lines:
            raise Damaged(
                "what this process has written is changed or missing; check it with python -m app verify-audit, then "
                "restart the service"
            )

    def write(self, size: int, lines: bytes) -> None:
        """Takes back what a full disk let through."""
        try:
            while lines:
                lines = lines[os.write(self.descriptor, lines) :]
            os.fsync(self.descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self.descriptor, size)
            raise

    def close(self) -> None:
        """A thread that the disk keeps waiting goes on with the file: then it is closed with the process."""
        if self._thread_lock.acquire(blocking=False):
            os.close(self.descriptor)
            self._thread_lock.release()


class Damaged(Exception):
    """The file is not what this service has written."""


def open_log(path: Path, *acts: Act) -> AuditLog:
    """Opens or creates the file, and records the start of this process and these acts. Raises `StartupError`."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise StartupError(f"the audit log {path} cannot be opened: {error.strerror}") from error
    log = AuditLog(path, descriptor)
    try:
        check_regular(descriptor)
        sync_folder(path.parent)
        log.append(Act("start", process_name(), "done"), *acts)
    except (OSError, Damaged, AuditUnavailable) as error:
        log.close()
        cause = error.__cause__ if isinstance(error, AuditUnavailable) else error
        raise StartupError(f"the audit log {path} cannot be written: {reason_of(cause)}") from error
    return log


def check_regular(descriptor: int) -> None:
    """Raises `Damaged`: a pipe or a device keeps nothing."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise Damaged("it is not a regular file")


def process_name() -> str:
    return f"process {os.getpid()}"


def entries_of(acts: Sequence[Act]) -> list[Entry]:
    """Of the current author."""
    author = CURRENT_AUTHOR.get()
    return [entry_of(act, author) for act in acts]


def entry_of(act: Act, author: Author) -> Entry:
    return Entry(
        act=act.kind,
        subject=shorten(act.subject),
        outcome=act.outcome,
        reason=shorten(act.reason),
        cause=author.cause,
        key=author.key,
        request=author.request,
    )


def reason_of(error: BaseException | None) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


# --- the file ---------------------------------------------------------------------------------------------------------


@contextmanager
def thread_lock(lock: threading.Lock) -> Iterator[None]:
    """Raises `OSError` if another thread of this process holds it for too long."""
    if not lock.acquire(timeout=LOCK_SECONDS):
        raise OSError(0, f"another thread has written to it for {LOCK_SECONDS} s")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def file_lock(descriptor: int) -> Iterator[None]:
    """Raises `OSError` if another process holds it for too long, or where the system has no such lock."""
    try:
        import fcntl
    except ImportError as error:
        raise OSError(0, "this system has no lock for files") from error
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(0, f"another process has locked it for {LOCK_SECONDS} s") from None
            time.sleep(LOCK_PAUSE_SECONDS)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def read_tail(descriptor: int) -> Tail:
    """Raises `Damaged` if the last complete line is not a record."""
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, 2 * MAX_LINE, max(0, size - 2 * MAX_LINE))
    complete, _, fragment = content.rpartition(b"\n")
    if len(fragment) > MAX_LINE:
        raise Damaged("it ends with a line that is too long for a record")
    if not complete:
        return Tail(size, 0, FIRST_PREVIOUS, fragment)
    line = complete.rpartition(b"\n")[2]
    try:
        record = Record.model_validate_json(line)
    except ValidationError:
        raise Damaged(
            "its last line is not a record; check it with python -m app verify-audit and move it away"
        ) from None
    return Tail(size, record.seq, line_hash(line), fragment)


def next_lines(tail: Tail, entries: Sequence[Entry]) -> bytes:
    """The lines to append: first, if a record was cut off, its end and a repair."""
    repair = Entry(
        act="repair",
        subject="audit log",
        outcome="done",
        reason=f"the line before is what was written of a record: {len(tail.fragment)} bytes",
    )
    lines: list[bytes] = []
    seq, previous = tail.seq, tail.previous
    for entry in [repair, *entries] if tail.fragment else entries:
        seq += 1
        cut_off = line_hash(tail.fragment) if entry is repair else None
        record = Record(**entry.model_dump(), seq=seq, time=now(), cut_off=cut_off, previous=previous)
        lines.append(record.to_line())
        previous = line_hash(lines[-1])
    return (b"\n" if tail.fragment else b"") + b"".join(line + b"\n" for line in lines)


def now() -> str:
    """RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
