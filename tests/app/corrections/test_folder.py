"""The folder of corrections: complete pairs of files, a size limit, and nothing about the sender."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.corrections import folder as module
from app.corrections.folder import CorrectionFolder, folder_bytes, open_folder, remove_unfinished
from app.corrections.record import Correction
from app.errors import CorrectionsFull, StartupError, Unavailable

PICTURE = b"the bytes of a PNG"
CORRECTION = Correction(digits="7", read="1", model="digits", version=7)
LIMIT = 2**20


@pytest.fixture
def kept_in(tmp_path: Path) -> CorrectionFolder:
    return open_folder(tmp_path / "deep" / "corrections", LIMIT)


def test_a_correction_becomes_a_picture_and_a_record_that_has_its_digest(kept_in: CorrectionFolder) -> None:
    name = asyncio.run(kept_in.keep(PICTURE, CORRECTION))
    assert sorted(path.name for path in kept_in.path.iterdir()) == [f"{name}.json", f"{name}.png"]
    assert (kept_in.path / f"{name}.png").read_bytes() == PICTURE
    record = json.loads((kept_in.path / f"{name}.json").read_text())
    assert record["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    assert (record["digits"], record["read"], record["model"], record["version"]) == ("7", "1", "digits", 7)


def test_neither_the_record_nor_the_times_of_the_files_tell_the_time_of_the_day(kept_in: CorrectionFolder) -> None:
    name = kept_in.write(PICTURE, CORRECTION)
    today = datetime.now(UTC).date()
    assert json.loads((kept_in.path / f"{name}.json").read_text())["created"] == today.isoformat()
    for path in kept_in.path.iterdir():
        assert path.stat().st_mtime % 86_400 == 0


def test_names_are_random(kept_in: CorrectionFolder) -> None:
    names = {kept_in.write(PICTURE, CORRECTION) for _ in range(20)}
    assert len(names) == 20
    assert {len(name) for name in names} == {16}


def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    kept_in = open_folder(tmp_path, 3 * 8192)
    for _ in range(3):
        kept_in.write(PICTURE, CORRECTION)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CorrectionsFull, match=r"24,576 bytes.*DIGITS_CORRECTIONS_BYTES"):
        kept_in.write(PICTURE, CORRECTION)
    assert sorted(tmp_path.iterdir()) == before
    assert folder_bytes(tmp_path) == 3 * 8192


def test_what_other_processes_write_counts_and_what_the_operator_takes_away_does_not(tmp_path: Path) -> None:
    first, second = open_folder(tmp_path, 8192), open_folder(tmp_path, 8192)
    name = first.write(PICTURE, CORRECTION)
    with pytest.raises(CorrectionsFull):
        second.write(PICTURE, CORRECTION)
    for suffix in (".png", ".json"):
        (tmp_path / f"{name}{suffix}").unlink()
    second.write(PICTURE, CORRECTION)


@pytest.mark.parametrize("failing", [".png", ".part"])
def test_a_full_disk_is_said_and_leaves_nothing_half(
    kept_in: CorrectionFolder, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    write = module.write_file

    def write_until_full(path: Path, *arguments: Any) -> None:
        if path.name.endswith(failing):
            path.write_bytes(b"hal")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, *arguments)

    monkeypatch.setattr(module, "write_file", write_until_full)
    with pytest.raises(CorrectionsFull, match="disk"):
        kept_in.write(PICTURE, CORRECTION)
    assert list(kept_in.path.iterdir()) == []


def test_a_disk_that_turns_read_only_is_said_and_what_cannot_be_removed_stays(
    kept_in: CorrectionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(Unavailable, match="cannot be written to: ask the operator"):
        kept_in.write(PICTURE, CORRECTION)


def test_a_record_is_complete_on_the_disk_before_it_is_one_and_then_its_name_is(
    kept_in: CorrectionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that a power failure at any moment leaves in order."""
    done: list[str] = []
    sync, rename = os.fsync, Path.rename

    def note_sync(descriptor: int) -> None:
        files = {path.stat().st_ino: path.suffix for path in kept_in.path.iterdir()}
        done.append(f"sync {files.get(os.fstat(descriptor).st_ino, 'folder')}")
        sync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        done.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)
    kept_in.write(PICTURE, CORRECTION)
    assert done == ["sync .png", "sync .part", "rename", "sync folder"]


def test_what_a_crash_left_behind_is_removed_and_what_is_complete_stays(kept_in: CorrectionFolder) -> None:
    name = kept_in.write(PICTURE, CORRECTION)
    (kept_in.path / "0123456789abcdef.png").write_bytes(PICTURE)
    (kept_in.path / ".0123456789abcdef.json.part").write_bytes(b"{")
    remove_unfinished(kept_in.path, age_s=0)
    assert sorted(path.name for path in kept_in.path.iterdir()) == [f"{name}.json", f"{name}.png"]


def test_files_that_are_no_corrections_are_not_touched(kept_in: CorrectionFolder) -> None:
    for name in ("cat.png", "0123456789ABCDEF.png", ".holiday.part", "notes.txt"):
        (kept_in.path / name).write_bytes(PICTURE)
    before = sorted(kept_in.path.iterdir())
    remove_unfinished(kept_in.path, age_s=0)
    assert sorted(kept_in.path.iterdir()) == before


def test_a_folder_that_is_gone_is_said_and_may_come_back(kept_in: CorrectionFolder) -> None:
    gone = kept_in.path.rename(kept_in.path.with_name("gone"))
    with pytest.raises(Unavailable, match="cannot be written to: ask the operator"):
        kept_in.write(PICTURE, CORRECTION)
    gone.rename(kept_in.path)
    kept_in.write(PICTURE, CORRECTION)


def test_what_another_process_is_writing_now_is_left_alone(kept_in: CorrectionFolder) -> None:
    (kept_in.path / "0123456789abcdef.png").write_bytes(PICTURE)
    open_folder(kept_in.path, LIMIT)
    assert (kept_in.path / "0123456789abcdef.png").exists()


def test_what_another_process_renames_meanwhile_is_no_obstacle_to_a_start(
    kept_in: CorrectionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = kept_in.path / ".0123456789abcdef.json.part"
    part.write_bytes(b"{}")
    iterdir = Path.iterdir

    def rename_after(path: Path) -> list[Path]:
        files = list(iterdir(path))
        part.rename(kept_in.path / "0123456789abcdef.json")
        return files

    monkeypatch.setattr(Path, "iterdir", rename_after)
    open_folder(kept_in.path, LIMIT)


def test_a_folder_that_cannot_be_written_to_is_said_in_one_line_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=r"the folder of corrections .*file.* cannot be written to"):
        open_folder(tmp_path / "file", LIMIT)
