"""The directories of TIFF files."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from app.errors import TooManyPages
from app.formats.tiff import NEW_SUBFILE_TYPE, TiffFile
from tests.support.document_files import tiff_of

PAGE = np.zeros((10, 10), np.uint8)


def directory(following: int, *entries: tuple[int, int, int, int]) -> bytes:
    tags = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + tags + struct.pack("<L", following)


def file_of(*directories: bytes) -> TiffFile:
    return TiffFile(b"II*\0" + struct.pack("<L", 8) + b"".join(directories))


@pytest.mark.parametrize("options", [{}, {"big_tiff": True}], ids=str)
def test_each_page_becomes_a_file(options: dict[str, object]) -> None:
    file = TiffFile(tiff_of(PAGE, PAGE, PAGE, **options))
    starts = list(file.page_starts())
    assert len(starts) == 3
    rest = TiffFile(file.page(starts[1]))
    assert list(rest.page_starts()) == starts[1:]


def test_previews_and_masks_are_no_pages() -> None:
    page, preview = directory(14), directory(32, (NEW_SUBFILE_TYPE, 4, 1, 1))
    mask = directory(0, (NEW_SUBFILE_TYPE, 4, 1, 4))
    assert list(file_of(page, preview, mask).page_starts()) == [8]


def test_directories_in_a_circle_are_passed_once() -> None:
    assert list(file_of(directory(14), directory(8)).page_starts()) == [8, 14]


def test_a_directory_that_is_missing_counts_as_a_page() -> None:
    assert list(file_of(directory(999)).page_starts()) == [8, 999]


def test_directories_are_bounded() -> None:
    chain = [directory(14 + 6 * index) for index in range(10_001)]
    with pytest.raises(TooManyPages):
        list(file_of(*chain).page_starts())
