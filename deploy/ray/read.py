"""Reads folders of millions of pictures, one digit each, with Ray Data on one machine or many.

    pip install '.[ray]'
    python -m deploy.ray.read scans/ --out readings                                     # here
    RAY_ADDRESS=auto python -m deploy.ray.read s3://bucket/scans --out s3://bucket/readings --format csv  # on a cluster

    names -> parts of at most 10,000 -> one actor for each core, with the model loaded: reads a part, writes its file

All machines must have access to the folders. A picture that cannot be read gets a row with the reason. The exit
statuses are those of `python -m app predict`: 3 if there are such rows, 1 if the job failed.

The output says what is finished: a job that failed or was stopped goes on when it is started again. Pictures with a
row are not read again, and none gets two rows, because a part's file comes whole or not at all.

Settings are read from the DIGITS_ variables of the environment; DIGITS_DEVICE=cuda gives each actor a GPU.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet
import ray
from numpy.typing import NDArray
from pyarrow.fs import FileSelector, FileSystem
from pydantic import ValidationError
from ray.data import ActorPoolStrategy, Dataset
from ray.exceptions import RayError

from app.__main__ import load_newest
from app.arrays import Image
from app.errors import StartupError
from app.offline import attempt, batches, image_of, predict_images, read_content, unicode_name
from app.picture_search import SUFFIXES, UNSUPPORTED_SUFFIXES, PictureSearch, is_hidden
from app.result_output import EXIT_COMPLETE, EXIT_FAILED, EXIT_UNREADABLE, not_read, report
from app.runtime import configure_runtime
from app.settings import Settings

PARTS_PER_ACTOR = 4  # of a small job, so that no actor is idle for long
# Given explicitly: the column `error` of rows without errors would have no type.
ROW = pa.schema(
    [
        ("file", pa.string()),
        ("digit", pa.int8()),
        ("confidence", pa.float32()),
        ("accepted", pa.bool_()),
        ("error", pa.string()),
        ("model", pa.string()),
        ("version", pa.int64()),
    ]
)


# --- the names --------------------------------------------------------------------------------------------------------


class Picture(NamedTuple):
    file: str  # as the row names it
    folder: str  # as it was named; empty if it is local
    path: bytes  # on the folder's file system


def find_pictures(folders: Iterable[str], search: PictureSearch) -> list[Picture]:
    """Each once. `search` has the local folders, and remembers what is passed over.

    Raises `OSError` if a remote folder cannot be listed.
    """
    local = (Picture(unicode_name(path), "", bytes(path)) for path in search)
    remote = (picture for folder in folders if is_remote(folder) for picture in find_remote(folder, search))
    found = {picture.file: picture for picture in itertools.chain(local, remote)}
    return [found[name] for name in sorted(found)]


def is_remote(folder: str) -> bool:
    return "://" in folder


def find_remote(folder: str, search: PictureSearch) -> Iterator[Picture]:
    files, root = FileSystem.from_uri(folder)
    for file in files.get_file_info(FileSelector(root, recursive=True)):
        path = PurePosixPath(file.path)
        if not file.is_file or any(map(is_hidden, path.relative_to(root).parts)):
            continue
        if path.suffix.lower() in UNSUPPORTED_SUFFIXES:
            search.unsupported[path.suffix.lower()] += 1
        elif path.suffix.lower() in SUFFIXES:
            yield Picture(file.path, folder, file.path.encode())


# --- the output -------------------------------------------------------------------------------------------------------


def write_jsonl(rows: pa.Table, file: pa.NativeFile) -> None:
    file.writelines(json.dumps(row).encode() + b"\n" for row in rows.to_pylist())


WRITERS: dict[str, Callable[[pa.Table, pa.NativeFile], None]] = {
    "parquet": pyarrow.parquet.write_table,
    "csv": pyarrow.csv.write_csv,
    "jsonl": write_jsonl,
}
FORMATS = {
    "parquet": pyarrow.dataset.ParquetFileFormat(),
    "csv": pyarrow.dataset.CsvFileFormat(pyarrow.csv.ParseOptions(newlines_in_values=True)),
    "jsonl": pyarrow.dataset.JsonFileFormat(),
}


class Output(NamedTuple):
    folder: str  # an absolute path or a URI
    row_format: str
    rows_per_file: int

    def write(self, rows: pa.Table) -> None:
        """In one file, which is complete when it appears. A second attempt at the same part replaces it."""
        files, root = FileSystem.from_uri(self.folder)
        digest = hashlib.sha256("\n".join(rows["file"].to_pylist()).encode()).hexdigest()
        name = f"{digest[:32]}.{self.row_format}"
        files.create_dir(root)
        with files.open_output_stream(f"{root}/.{name}") as file:
            WRITERS[self.row_format](rows, file)
        files.move(f"{root}/.{name}", f"{root}/{name}")

    def rows(self) -> pa.dataset.Dataset:
        """Of this job and of earlier ones."""
        files, root = FileSystem.from_uri(self.folder)
        found = [PurePosixPath(file.path) for file in files.get_file_info(FileSelector(root, allow_not_found=True))]
        names = [str(path) for path in found if path.suffix == f".{self.row_format}" and not is_hidden(path.name)]
        return pyarrow.dataset.dataset(names, ROW, FORMATS[self.row_format], files)

    def finished(self) -> set[str]:
        """The names of the pictures with a row."""
        return set(self.rows().to_table(["file"])["file"].to_pylist())


# --- reading ----------------------------------------------------------------------------------------------------------


class Reader:
    """An actor that holds the newest version of the default model."""

    def __init__(self, settings: Settings, output: Output) -> None:
        configure_runtime()
        self.settings = settings
        self.output = output
        self.file_systems: dict[str, FileSystem] = {}  # by remote folder
        self.manifest, self.model = load_newest(settings)

    def __call__(self, part: dict[str, NDArray[Any]]) -> dict[str, list[int]]:
        """Columns of `Picture` -> a file of rows, and their number."""
        model = {"model": self.manifest.name, "version": self.manifest.version}
        rows = []
        for batch in batches(zip(part["file"], part["folder"], part["path"], strict=True), self.model.max_batch_size):
            images = [self.read(folder, path) for _, folder, path in batch]
            results = predict_images([file for file, *_ in batch], images, self.model, self.manifest)
            rows += [asdict(result) | model for result in results]
        self.output.write(pa.Table.from_pylist(rows, ROW))
        return {"rows": [len(rows)]}

    def read(self, folder: str, path: bytes) -> Image | str:
        """The (28, 28) image, or what is wrong with the picture.

        Raises `OSError` if not the picture is wrong but the disk or the network. The job then fails.
        """
        max_pixels = self.settings.max_pixels
        try:
            content = self.read_remote(folder, path) if folder else read_content(Path(os.fsdecode(path)), max_pixels)
        except (FileNotFoundError, PermissionError) as error:
            return f"The file cannot be read: {error.strerror or error}."
        return attempt(image_of, content, max_pixels)

    def read_remote(self, folder: str, path: bytes) -> bytes:
        if folder not in self.file_systems:
            self.file_systems[folder], _ = FileSystem.from_uri(folder)
        with self.file_systems[folder].open_input_stream(path.decode()) as file:
            return bytes(file.read())


def read(pictures: Sequence[Picture], output: Output, settings: Settings) -> Dataset:
    """The number of rows of each part, which is read and written when the dataset is iterated over."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray's own
    actors = max(1, int(resources.get("GPU" if on_gpu(settings) else "CPU", 1)))
    size = min(output.rows_per_file, math.ceil(len(pictures) / (PARTS_PER_ACTOR * actors)))
    return ray.data.from_arrow([table_of(part) for part in batches(pictures, size)]).map_batches(
        Reader,
        fn_constructor_args=(settings, output),
        batch_size=None,  # a part
        compute=ActorPoolStrategy(min_size=1, max_size=actors),
        num_gpus=int(on_gpu(settings)),
    )


def table_of(pictures: Sequence[Picture]) -> pa.Table:
    return pa.table(dict(zip(Picture._fields, zip(*pictures, strict=True), strict=True)))


def on_gpu(settings: Settings) -> bool:
    return settings.device in ("cuda", "tensorrt")


# --- the job ----------------------------------------------------------------------------------------------------------


def run(folders: Sequence[str], output: Output, settings: Settings) -> int:
    """Returns the exit status. Raises `StartupError`, and `RayError` if the job fails."""
    load_newest(settings.model_copy(update={"device": "cpu"}))  # what is wrong with the model is known at once
    search = PictureSearch([Path(folder) for folder in folders if not is_remote(folder)])
    pictures = find_pictures(folders, search)
    if search.missing:
        raise StartupError(f"{search.missing[0]} does not exist")
    finished = output.finished()
    remaining = [picture for picture in pictures if picture.file not in finished]
    if remaining:
        ray.init()
        for _ in read(remaining, output, settings).iter_batches(batch_size=None):
            pass  # a part is finished
    return summarize(output, search)


def summarize(output: Output, search: PictureSearch) -> int:
    """Returns the exit status."""
    rows = output.rows()
    unreadable = rows.count_rows(filter=pyarrow.dataset.field("error") != "")
    print(f"{rows.count_rows() - unreadable} pictures read, {unreadable} could not be read; in {output.folder}")
    for line in not_read(0, search):
        report(line)
    if search.unlisted:
        return EXIT_FAILED
    return EXIT_UNREADABLE if unreadable else EXIT_COMPLETE


def absolute(folder: str) -> str:
    """Ray's processes have other working directories."""
    return folder.rstrip("/") if is_remote(folder) else str(Path(folder).absolute())


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.ray.read", description="Reads folders of pictures.")
    parser.add_argument(
        "folders", nargs="+", metavar="FOLDER", help="a folder of pictures, at any depth; local, s3:// or gs://"
    )
    parser.add_argument("--out", required=True, help="the folder to write to; rows that it has are not read again")
    parser.add_argument("--format", choices=WRITERS, default="parquet", help="the format of the written files")
    parser.add_argument(
        "--rows-per-file", type=int, default=10_000, help="at most; a job that is stopped loses so many for each actor"
    )
    arguments = parser.parse_args(argv)
    output = Output(absolute(arguments.out), arguments.format, arguments.rows_per_file)
    folders = [absolute(folder) for folder in arguments.folders]
    try:
        return run(folders, output, Settings())
    except (StartupError, ValidationError, OSError, RayError) as error:
        report(f"error: {str(error).splitlines()[-1]}")
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
