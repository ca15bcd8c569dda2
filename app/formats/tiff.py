"""The directories of a TIFF file, one for each page. Source: TIFF 6.0, section 2; BigTIFF has 64-bit offsets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from app.errors import TooManyPages, UnsupportedPicture

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TRUNCATED = (struct.error, ValueError, OverflowError)  # what reading a directory raises where the file has ended
NUMBERS = {3: "H", 4: "L", 16: "Q"}  # by the type of a tag
NEW_SUBFILE_TYPE = 254
REDUCED, MASK = 1, 4  # the directory belongs to another page: a preview of it, or its transparency
MAX_TAGS = 1000
MAX_DIRECTORIES = 10_000

Tags = dict[int, tuple[int, int]]  # the number of values, and the first where it is a whole number, else 0


class Directory(NamedTuple):
    tags: Tags
    following: int  # byte at which the next directory begins; 0 after the last one

    @property
    def is_page(self) -> bool:
        _, subfile_type = self.tags.get(NEW_SUBFILE_TYPE, (0, 0))
        return not subfile_type & (REDUCED | MASK)


class TiffFile:
    def __init__(self, content: bytes) -> None:
        """`content`: begins with one of the signatures."""
        self.content = content
        self.order = "<" if content.startswith(b"I") else ">"
        is_big = b"+" in content[:4]
        self.offset = struct.Struct(self.order + ("Q" if is_big else "L"))
        self.length = struct.Struct(self.order + ("Q" if is_big else "H"))
        self.entry = struct.Struct(self.order + ("HHQ8s" if is_big else "HHL4s"))
        self.start_at = 8 if is_big else 4  # byte of the first directory's offset

    @property
    def first_directory(self) -> Directory:
        """Raises one of `TRUNCATED`, or `UnsupportedPicture`."""
        return self.directory(self.offset.unpack_from(self.content, self.start_at)[0])

    def directory(self, start: int) -> Directory:
        """The one that begins at byte `start`. Of a tag that is there twice, the greatest numbers.

        Raises one of `TRUNCATED`, or `UnsupportedPicture`.
        """
        (length,) = self.length.unpack_from(self.content, start)
        if length > MAX_TAGS:
            raise UnsupportedPicture("The TIFF file has too many tags: save it anew.")
        start += self.length.size
        end = start + length * self.entry.size
        tags: Tags = {}
        for tag, kind, count, value in self.entry.iter_unpack(self.content[start:end]):
            number = struct.unpack_from(self.order + NUMBERS[kind], value)[0] if kind in NUMBERS and count == 1 else 0
            tags[tag] = tuple(map(max, tags.get(tag, (0, 0)), (count, number)))
        following = self.content[end : end + self.offset.size]
        return Directory(tags, self.offset.unpack(following)[0] if len(following) == self.offset.size else 0)

    def page_starts(self) -> Iterator[int]:
        """The bytes at which the pages' directories begin. The last may be beyond the end of a truncated file.

        Raises `UnsupportedPicture`, and `TooManyPages` for more than any document has.
        """
        (start,) = self.offset.unpack_from(self.content, self.start_at)
        seen: set[int] = set()
        while start and start not in seen:
            seen.add(start)
            if len(seen) > MAX_DIRECTORIES:
                raise TooManyPages(f"The TIFF file has more than {MAX_DIRECTORIES} directories: send it in parts.")
            try:
                directory = self.directory(start)
            except TRUNCATED:
                yield start
                return
            if directory.is_page:
                yield start
            start = directory.following

    def page(self, start: int) -> bytes:
        """A file whose first page is the one with the directory at byte `start`."""
        end = self.start_at + self.offset.size
        return b"".join((self.content[: self.start_at], self.offset.pack(start), self.content[end:]))
