"""The results of reading without a server: as a table, CSV or JSON lines on standard output, and the exit status."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TextIO

from app.errors import StartupError
from app.offline import Result, unicode_name
from app.picture_search import PictureSearch

EXIT_COMPLETE = 0  # every picture was read
EXIT_FAILED = 1  # the run failed, or did not reach all files and folders that are named
EXIT_UNREADABLE = 3  # some pictures could not be read; 2 is a wrong command line
EXIT_BROKEN_PIPE = 141  # as shells report SIGPIPE: the reader of the output, such as `head`, has ended

# Of a cell that spreadsheets execute, also behind spaces. Source: OWASP, CSV Injection
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write(results: Iterable[Result], columns: Sequence[str], output_format: str, search: PictureSearch) -> int:
    """Writes the results to standard output, and what was not read to standard error. Returns the exit status.

    `columns`: of CSV, one for each of a result's `cells`.

    Raises `StartupError` if standard output cannot be written.
    """
    unreadable = 0

    def counted() -> Iterator[Result]:
        nonlocal unreadable
        for result in results:
            unreadable += result.error is not None
            yield result

    try:
        WRITERS[output_format](counted(), standard_output(output_format), columns)
    except BrokenPipeError:
        discard_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        discard_output()
        raise StartupError(f"standard output cannot be written: {error.strerror}") from None
    for line in not_read(unreadable, search):
        report(line)
    if search.missing or search.unlisted:
        return EXIT_FAILED
    return EXIT_UNREADABLE if unreadable else EXIT_COMPLETE


def standard_output(output_format: str) -> TextIO:
    """Raises `StartupError` if it is closed."""
    if sys.stdout is None:
        raise StartupError("standard output is closed: redirect it to a file")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a line is written when it is complete: nothing is lost
        if output_format == "table":
            sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
        else:  # the same bytes on every system
            sys.stdout.reconfigure(encoding="utf-8", newline="", line_buffering=True)
    return sys.stdout


def discard_output() -> None:
    """Writing what is still buffered would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def not_read(unreadable: int, search: PictureSearch) -> Iterator[str]:
    """Lines for people: what was not read, and what to do about it."""
    for path in search.empty:
        yield f"{unicode_name(path)}: there is no picture in this folder that can be read"
    for path, error in search.unlisted.items():
        yield f"{unicode_name(path)}: the folder cannot be listed: {error.strerror}"
    for path in search.links:
        yield f"{unicode_name(path)}: a link to a folder, which is not followed; name it to read its pictures"
    if kinds := search.unsupported:
        names = ", ".join(f"{count} {suffix[1:].upper()}" for suffix, count in kinds.most_common())
        yield f"not read, because their formats are not supported: {names}; convert them to PNG or JPEG"
    if unreadable:
        yield f"{unreadable} could not be read"


def report(line: str) -> None:
    if sys.stderr is not None:  # print would write to standard output instead
        with contextlib.suppress(OSError):
            print(printable(line), file=sys.stderr)


def printable(text: str) -> str:
    """One line, whatever a file is called, and without the terminal's control characters."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def without_formula(name: str) -> str:
    """The same file under a name that spreadsheets do not take for a formula."""
    return f"./{name}" if name.lstrip().startswith(FORMULA_STARTS) and name != "-" else name


# --- the formats ------------------------------------------------------------------------------------------------------
#
# Each line is one `write` with its line break: an interrupt, which may come between two, leaves whole lines.


def write_table(results: Iterable[Result], out: TextIO, _: Sequence[str]) -> None:
    for result in results:
        name = printable(result.file)
        if result.error:
            out.write(f"-           {name}: {result.error}\n")
        else:
            doubt = "" if result.accepted else "  (not sure)"
            out.write(f"{result.summary}  {result.confidence:7.2%}  {name}{doubt}\n")


def write_jsonl(results: Iterable[Result], out: TextIO, _: Sequence[str]) -> None:
    for result in results:
        members = {name: value for name, value in asdict(result).items() if value is not None}
        out.write(json.dumps(members) + "\n")


def write_csv(results: Iterable[Result], out: TextIO, columns: Sequence[str]) -> None:
    """With a header line."""
    writer = csv.writer(out)
    writer.writerow(columns)
    for result in results:
        _, *cells = result.cells
        writer.writerow([without_formula(result.file), *cells])


WRITERS: dict[str, Callable[[Iterable[Result], TextIO, Sequence[str]], None]] = {
    "table": write_table,
    "jsonl": write_jsonl,
    "csv": write_csv,
}
