"""Every single change of a log is found, and the line that was changed is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.audit.log import open_log
from app.audit.record import FIRST_PREVIOUS, MAX_LINE, Act
from app.audit.verify import BrokenLog, verify_log

Lines = list[bytes]
COUNT = 6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of six records."""
    log = open_log(tmp_path / "audit.log")
    for version in range(1, COUNT):
        log.append(Act("load", f"digits/{version}", "done"))
    return tmp_path / "audit.log"


def edit(path: Path, change: Callable[[Lines], Lines]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def test_an_intact_log_is_counted_and_its_last_hash_is_printed(path: Path) -> None:
    verified = verify_log(path)
    assert str(verified) == f"intact: 6 records; last hash {verified.last_hash}"


@pytest.mark.parametrize("expect", [None, FIRST_PREVIOUS])
def test_of_an_empty_log_it_is_said_that_nothing_is_recorded(tmp_path: Path, expect: str | None) -> None:
    """The service begins a log with its start: all lines may have been removed."""
    (tmp_path / "empty").touch()
    with pytest.raises(BrokenLog, match="nothing is recorded"):
        verify_log(tmp_path / "empty", expect)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_only_a_regular_file_is_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe without a writer would be waited for without end."""
    make(tmp_path / "log")
    with pytest.raises(BrokenLog, match="not a regular file"):
        verify_log(tmp_path / "log")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b"digits/2", b"digits/9"), *lines[3:]], "line 3 is changed"),
        (lambda lines: [lines[0].replace(b"start", b"stop "), *lines[1:]], "line 1 is changed: it is not a record"),
        (lambda lines: [*lines[:3], b"\n", *lines[3:]], "line 4 is changed: it is not a record"),
        (lambda lines: [*lines[:2], *lines[3:]], "line 3 is record 4: record 3 is missing"),
        (lambda lines: [*lines[:1], *lines[4:]], "line 2 is record 5: records 2 to 4 are missing"),
        (lambda lines: lines[1:], "line 1 is record 2: record 1 is missing"),
        (
            lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
            "line 3 is record 4: record 3 is missing, or in an",
        ),
        (lambda lines: [*lines, lines[2]], "line 7 is record 3, where record 7 belongs: lines were reordered"),
        (lambda lines: [*lines[:-1], lines[-1][:-1]], "line 6 is truncated"),
        (lambda lines: [*lines[:-1], lines[-1][:50]], "line 6 is truncated"),
        (lambda lines: [b"x" * 10 * MAX_LINE, *lines], "line 1 is changed: it is too long"),
        (lambda lines: [*lines, b"\x00" * 100 + b"\n"], "line 7 is changed"),
    ],
)
def test_the_first_broken_line_is_named(path: Path, change: Callable[[Lines], Lines], message: str) -> None:
    edit(path, change)
    with pytest.raises(BrokenLog, match=f"^{message}"):
        verify_log(path)


@pytest.mark.parametrize("line", range(COUNT - 1))
def test_no_byte_of_a_line_changes_unseen(path: Path, line: int) -> None:
    """Of all lines but the last: that one is known by the hash that was kept elsewhere."""
    lines = path.read_bytes().splitlines(keepends=True)
    for position in range(0, len(lines[line]) - 1, 7):
        changed = lines[line][:position] + bytes([lines[line][position] ^ 1]) + lines[line][position + 1 :]
        path.write_bytes(b"".join([*lines[:line], changed, *lines[line + 1 :]]))
        with pytest.raises(BrokenLog):
            verify_log(path)


def test_lines_removed_at_the_end_are_known_by_the_hash_kept_elsewhere(path: Path) -> None:
    kept = verify_log(path).last_hash
    edit(path, lambda lines: lines[:-1])
    assert verify_log(path).records == COUNT - 1
    with pytest.raises(BrokenLog, match="truncated: none of its 5 records has the expected hash"):
        verify_log(path, kept)


def test_a_log_that_went_on_since_still_has_the_expected_hash(path: Path) -> None:
    kept = verify_log(path).last_hash
    open_log(path)
    assert "record 6 has the expected hash" in str(verify_log(path, kept))


@pytest.fixture
def repaired(path: Path) -> Path:
    """Five records, half of the sixth, its repair, and the start of the process that repaired it."""
    edit(path, lambda lines: [*lines[:-1], lines[-1][:60]])
    open_log(path)
    return path


def test_a_repaired_line_is_counted(repaired: Path) -> None:
    assert "7 records, 1 lines that a crash cut off" in str(verify_log(repaired))


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines[:5], *lines[6:]],
        lambda lines: [*lines[:5], b"x" + lines[5][1:], *lines[6:]],
        lambda lines: [*lines[:5], *lines[4:]],
        lambda lines: [*lines[:6], *lines[7:]],
        lambda lines: [lines[0].replace(b"process", b"pr0cess"), *lines[1:]],
    ],
    ids=["removed", "changed", "repeated record", "repair removed", "another line changed"],
)
def test_what_was_cut_off_is_in_the_chain_too(repaired: Path, change: Callable[[Lines], Lines]) -> None:
    edit(repaired, change)
    with pytest.raises(BrokenLog):
        verify_log(repaired)
