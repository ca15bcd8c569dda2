"""Checks the chain of an audit log: finds the first line that was changed, removed, moved or cut off."""

from __future__ import annotations

import itertools
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError
from tqdm import tqdm

from app.audit.record import FIRST_PREVIOUS, MAX_LINE, Record, line_hash


class BrokenLog(Exception):
    """The log is not as the service wrote it. The message names the first line and what is wrong with it."""


class Verified(NamedTuple):
    records: int
    last_hash: str  # to be kept elsewhere: the file cannot tell that lines were removed at its end
    cut_off: int  # incomplete lines that a crash left, and that a repair names
    expected_seq: int | None  # the record with the expected hash

    def __str__(self) -> str:
        notes = [f"{self.records:,} records"]
        if self.cut_off:
            notes.append(f"{self.cut_off:,} lines that a crash cut off")
        if self.expected_seq is not None:
            notes.append(f"record {self.expected_seq:,} has the expected hash")
        return f"intact: {', '.join(notes)}; last hash {self.last_hash}"


def verify_log(path: Path, expect: str | None = None) -> Verified:
    """Raises `BrokenLog`, also of a file without records, or `OSError` if the file cannot be read.

    `expect`: the last hash of an earlier check. It must still be in the chain, at its end or before it.
    """
    seq, previous, cut_off = 0, FIRST_PREVIOUS, 0
    expected_seq: int | None = None
    fragment: bytes | None = None
    for line, following in with_next(read_lines(path)):
        if following and is_repair_of(following, line):
            fragment, cut_off = line.content, cut_off + 1
            continue
        check_line(line, seq, previous, fragment)
        check_is_referred_to(line, following)
        seq, previous, fragment = seq + 1, line_hash(line.content), None
        expected_seq = seq if previous == expect else expected_seq
    if not seq:
        raise BrokenLog("nothing is recorded: it is empty, and the service begins a log with the record of its start")
    if expect is not None and expected_seq is None:
        raise BrokenLog(
            f"truncated: none of its {seq:,} records has the expected hash: lines at the end were removed, or all "
            "were written anew"
        )
    return Verified(seq, previous, cut_off, expected_seq)


def check_line(line: Line, seq: int, previous: str, fragment: bytes | None) -> None:
    """Raises `BrokenLog` unless the line follows the record `seq`, whose hash is `previous`, and the fragment."""
    record, where = line.record, f"line {line.number}"
    if record is None:
        raise BrokenLog(f"{where} is changed: it is not a record")
    if record.seq > seq + 1:
        missing = f"record {seq + 1} is" if record.seq == seq + 2 else f"records {seq + 1} to {record.seq - 1} are"
        raise BrokenLog(f"{where} is record {record.seq}: {missing} missing, or in another place")
    if record.seq <= seq:
        raise BrokenLog(f"{where} is record {record.seq}, where record {seq + 1} belongs: lines were reordered")
    if record.previous != previous:
        raise BrokenLog(f"{where} is changed: it holds another hash than that of the line before it")
    if record.cut_off and fragment is None:
        raise BrokenLog(f"{where} repairs a line that is missing, or was changed")


def check_is_referred_to(line: Line, following: Line | None) -> None:
    """Raises `BrokenLog` if the next record holds another hash of this line: then this one is what was changed."""
    record, after = line.record, following and following.record
    if record and after and after.seq == record.seq + 1 and after.previous != line_hash(line.content):
        raise BrokenLog(f"line {line.number} is changed: the line after it holds another hash")


def is_repair_of(line: Line, fragment: Line) -> bool:
    return line.record is not None and line.record.cut_off == line_hash(fragment.content)


# --- the lines --------------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    number: int  # from 1
    content: bytes  # without the line break
    record: Record | None  # None: it is not a record


def with_next(lines: Iterator[Line]) -> Iterator[tuple[Line, Line | None]]:
    """Each line with the one after it."""
    line = next(lines, None)
    while line:
        following = next(lines, None)
        yield line, following
        line = following


def read_lines(path: Path) -> Iterator[Line]:
    """Raises `BrokenLog` if one is not ended, or too long: of a line at most a byte more than allowed is read."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):  # opening a pipe would wait for its writer
        raise BrokenLog("it is not a regular file")
    with (
        path.open("rb") as file,
        tqdm(total=state.st_size, desc="verifying", unit="B", unit_scale=True, delay=1, leave=False) as progress,
    ):
        for number in itertools.count(1):
            content = file.readline(MAX_LINE + 1)
            if not content:
                return
            if len(content) > MAX_LINE:
                raise BrokenLog(f"line {number} is changed: it is too long for a record")
            if not content.endswith(b"\n"):
                raise BrokenLog(f"line {number} is truncated: the file ends in the middle of it")
            yield Line(number, content[:-1], parse(content))
            progress.update(len(content))


def parse(line: bytes) -> Record | None:
    try:
        return Record.model_validate_json(line)
    except ValidationError:
        return None
