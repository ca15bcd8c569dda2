"""The operator's folder of corrections: each is kept completely or not at all, and the folder has a size limit.

picture -> <id>.png -> .<id>.json.part, complete -> <id>.json: now it is kept

Several processes may write to one folder. What a crash leaves behind is ignored, and removed at the next start; files
with other names than corrections have are not touched.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import secrets
import tempfile
import time
from contextlib import suppress
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from pathlib import Path

from app.corrections.record import PICTURE_SUFFIX, RECORD_SUFFIX, Correction, Record
from app.disk import sync_folder
from app.errors import CorrectionsFull, StartupError, Unavailable
from app.preprocessing.pool import BoundedThreadPool

BLOCK = 4096  # bytes: what a disk gives to a file is a multiple of it
NAME = re.compile(r"\.?[0-9a-f]{16}(\.png|\.json\.part)")  # of the files of a correction that is not complete
LEFT_BEHIND_S = 600  # an unfinished correction of that age is a crash's, and not another process's
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAX_WAITING = 64  # corrections, for the disk

logger = logging.getLogger(__name__)

# One thread: a slow disk keeps neither the event loop waiting nor the threads that decode pictures, and the size of the
# folder is added up by one correction after the other.
disk_thread = BoundedThreadPool(1, MAX_WAITING, "corrections")


class CorrectionFolder:
    """Corrections in a folder, up to a number of bytes."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes

    async def keep(self, picture: bytes, correction: Correction) -> str:
        """Returns the correction's id once it is on the disk. `picture`: a PNG.

        Raises `CorrectionsFull`, `Overloaded` if many others wait for the disk, or `Unavailable` if it fails.
        """
        return await disk_thread.run(self.write, picture, correction)

    def write(self, picture: bytes, correction: Correction) -> str:
        today = datetime.now(UTC).date()
        digest = hashlib.sha256(picture).hexdigest()
        record = Record(**correction.model_dump(), created=today, sha256=digest).model_dump_json(indent=2).encode()
        size = on_disk(len(picture)) + on_disk(len(record))
        self.check_room(size)
        name = secrets.token_hex(8)
        picture_file, record_file = self.path / f"{name}{PICTURE_SUFFIX}", self.path / f"{name}{RECORD_SUFFIX}"
        part = self.path / f".{record_file.name}.part"
        try:
            write_file(picture_file, picture, today)
            write_file(part, record, today)
            part.rename(record_file)
            sync_folder(self.path)
        except OSError as error:
            for path in (record_file, part, picture_file):
                with suppress(OSError):  # the disk may be read-only now; the next start removes what is left
                    path.unlink(missing_ok=True)
            if error.errno in NO_ROOM:
                raise CorrectionsFull("The disk of the folder of corrections is full: ask the operator.") from error
            raise cannot_be_written(error) from error
        return name

    def check_room(self, size: int) -> None:
        """Raises `CorrectionsFull` or `Unavailable`. Counted each time: other processes write there too."""
        try:
            used = folder_bytes(self.path)
        except OSError as error:
            raise cannot_be_written(error) from error
        if used + size > self.max_bytes:
            raise CorrectionsFull(
                f"The folder of corrections has reached its limit of {self.max_bytes:,} bytes: ask the operator to "
                "move some to training, or to raise DIGITS_CORRECTIONS_BYTES."
            )


def open_folder(path: Path, max_bytes: int) -> CorrectionFolder:
    """The folder, made if it is missing, without what a crash left in it. Raises `StartupError`."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        remove_unfinished(path, LEFT_BEHIND_S)
    except OSError as error:
        raise StartupError(f"the folder of corrections {path} cannot be written to: {error.strerror}") from error
    return CorrectionFolder(path, max_bytes)


def remove_unfinished(path: Path, age_s: float) -> None:
    """Pictures that a correction's name says are one, without a record, and parts of records, if they are that old."""
    complete = {record.stem for record in path.glob(f"*{RECORD_SUFFIX}")}
    for file in [file for file in path.iterdir() if NAME.fullmatch(file.name) and file.stem not in complete]:
        with suppress(FileNotFoundError):  # another process has just renamed or removed it
            # The time of the last change of the inode: that of the content is set to midnight.
            if time.time() - file.stat().st_ctime >= age_s:
                file.unlink()


def folder_bytes(path: Path) -> int:
    total = 0
    with os.scandir(path) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another process has just renamed it
                total += on_disk(entry.stat(follow_symlinks=False).st_size)
    return total


def cannot_be_written(error: OSError) -> Unavailable:
    logger.error("the folder of corrections cannot be written to: %s", error.strerror)
    return Unavailable("The folder of corrections cannot be written to: ask the operator, and send it again later.")


def on_disk(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def write_file(path: Path, content: bytes, day: date) -> None:
    """A new file, on the disk when this returns. Its time is midnight: copies of it do not tell the time of the day."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        midnight = datetime.combine(day, time_of_day(), UTC).timestamp()
        os.utime(path, (midnight, midnight))
        os.fsync(file.fileno())
