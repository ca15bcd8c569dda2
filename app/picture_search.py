"""Finds the pictures in folders, and remembers what it passed over."""

from __future__ import annotations

import glob
import itertools
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

STANDARD_INPUT = Path("-")
# Lower case: of the formats that are read, as cameras, browsers, scanners and Windows write them.
SUFFIXES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jif .jfi .jfif .pjp .pjpeg .webp .bmp .dib .gif .tif .tiff".split()  # noqa: SIM905
)
# Of pictures and documents in other formats, which people expect to be read. Some are, where an extra is installed.
UNSUPPORTED_SUFFIXES = frozenset(
    (  # noqa: SIM905  # a table of forty quoted words is harder to read
        ".heic .heif .heics .hif .avif .jxl .jp2 .j2k .jpf .jpx .jxr .wdp "  # photos
        ".cr2 .cr3 .crw .nef .nrw .arw .sr2 .srf .dng .orf .rw2 .raf .pef .raw .rwl .srw .3fr .iiq .kdc .x3f "  # raw
        ".pdf .svg .svgz .eps .ps .ai .xps .djvu .emf .wmf "  # documents and drawings
        ".psd .psb .xcf .kra .tga .pcx .ico .icns .exr .hdr .dds .ppm .pgm .pbm .pnm .dcm"  # editors and others
    ).split()
)
# Lower case: folders that systems make beside people's own, with thumbnails, deleted files and copies.
SYSTEM_FOLDERS = frozenset(
    {
        "__macosx",
        "@eadir",
        "@__thumb",
        "@recycle",
        "#recycle",
        "#snapshot",
        "~snapshot",
        "$recycle.bin",
        "lost+found",
        "system volume information",
    }
)


class PictureSearch:
    """The files that are named, and of the folders that are named all pictures, at any depth, sorted by name.

    Hidden files and systems' folders are passed over unless they are named themselves. Folders are listed one at a
    time, while the search goes on. After it, the attributes say what was not read.
    """

    def __init__(self, paths: Iterable[Path], more_suffixes: Iterable[str] = ()) -> None:
        """`more_suffixes`: in lower case, of files that are read too."""
        self.paths = paths
        self.suffixes = SUFFIXES.union(more_suffixes)
        self.missing: list[Path] = []  # named, and not there
        self.empty: list[Path] = []  # named folders without a picture
        self.unlisted: dict[Path, OSError] = {}  # folders at any depth
        self.links: list[Path] = []  # to folders: followed, they may form loops or leave the folder
        self.unsupported: Counter[str] = Counter()  # files in folders, by suffix

    def __iter__(self) -> Iterator[Path]:
        for path in itertools.chain.from_iterable(map(expand, self.paths)):
            mode = file_mode(path)
            if stat.S_ISDIR(mode):
                yield from self.search(path)
            else:
                if not mode and path != STANDARD_INPUT:
                    self.missing.append(path)
                yield path

    def search(self, root: Path) -> Iterator[Path]:
        empty = True
        pending = [self.entries(root)]  # a stack rather than recursion: folders may be nested a thousand deep
        while pending:
            path, is_folder = next(pending[-1], (None, False))
            if path is None:
                pending.pop()
            elif is_folder:
                pending.append(self.entries(path))
            else:
                empty = False
                yield path
        if empty:
            self.empty.append(root)

    def entries(self, folder: Path) -> Iterator[tuple[Path, bool]]:
        """The folder's pictures and folders, and which of them are folders."""
        pictures: list[str] = []
        folders: set[str] = set()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self.sort_in(entry, pictures, folders)
        except OSError as error:
            self.unlisted[folder] = error
        for name in sorted((*pictures, *folders)):
            yield folder / name, name in folders

    def sort_in(self, entry: os.DirEntry[str], pictures: list[str], folders: set[str]) -> None:
        if is_hidden(entry.name):
            return
        mode = file_mode(entry)
        suffix = Path(entry.name).suffix.lower()
        if entry.is_dir(follow_symlinks=False):
            folders.add(entry.name)
        elif stat.S_ISDIR(mode):
            self.links.append(Path(entry.path))
        elif suffix in self.suffixes:
            if stat.S_ISREG(mode) or not mode:  # opening a named pipe would wait for its writer
                pictures.append(entry.name)
        elif suffix in UNSUPPORTED_SUFFIXES:
            self.unsupported[suffix] += 1


def expand(path: Path) -> list[Path]:
    """The files and folders of a pattern that no shell has expanded, as on Windows; the path itself if it is none."""
    if file_mode(path) or not glob.has_magic(str(path)):
        return [path]
    found = sorted(glob.glob(str(path)))  # noqa: PTH207  # Path.glob takes the pattern without its folder
    return list(map(Path, found)) or [path]


def is_hidden(name: str) -> bool:
    """Covers ._picture.png of macOS and .ipynb_checkpoints of Jupyter too."""
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def file_mode(file: Path | os.DirEntry[str]) -> int:
    """0 if there is no such file, or none that can be looked at."""
    try:
        return file.stat().st_mode
    except (OSError, ValueError):  # a name with a zero byte
        return 0
