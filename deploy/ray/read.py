"""Reads folders of millions of pictures, one digit each, with Ray Data on one machine or many.

    pip install '.[ray]'
    python -m deploy.ray.read scans/ s3://bucket/scans --out readings                  # here
    RAY_ADDRESS=auto python -m deploy.ray.read s3://bucket/scans --out s3://bucket/readings --format csv  # on a cluster

    files -> bytes -> one actor for each core, with the model loaded -> one row for each picture -> files of rows

All machines must have access to the folders. A picture that cannot be read gets a row with the reason, and the exit
status is 1. Settings are read from the DIGITS_ variables of the environment; DIGITS_DEVICE=cuda gives each actor a
GPU.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray
from ray.data import ActorPoolStrategy, Dataset

from app.__main__ import load_newest
from app.errors import ServiceError
from app.offline import SUFFIXES, predict_images
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image
from app.runtime import configure_runtime
from app.settings import Settings

# Given explicitly: the column `error` of a batch without errors would have no type.
ROW = pa.schema(
    [
        ("file", pa.string()),
        ("digit", pa.int8()),
        ("confidence", pa.float32()),
        ("accepted", pa.bool_()),
        ("error", pa.string()),
    ]
)
WRITERS: dict[str, Callable[[Dataset, str], None]] = {
    "parquet": Dataset.write_parquet,
    "csv": Dataset.write_csv,
    "jsonl": Dataset.write_json,
}


class Reader:
    """An actor that holds the newest version of the default model."""

    def __init__(self, settings: Settings) -> None:
        configure_runtime()
        self.settings = settings
        self.manifest, self.model = load_newest(settings)

    def __call__(self, batch: dict[str, NDArray[Any]]) -> pa.Table:
        """Columns `path` and `bytes` -> rows of `ROW`."""
        images = [self.preprocess(content) for content in batch["bytes"]]
        readings = predict_images(batch["path"].tolist(), images, self.model, self.manifest)
        return pa.Table.from_pylist([asdict(each) for each in readings], ROW)

    def preprocess(self, content: bytes) -> NDArray[np.uint8] | str:
        """The (28, 28) image, or what is wrong with the picture."""
        try:
            return to_image(open_picture(content, self.settings.max_pixels))
        except ServiceError as error:
            return error.detail


def read(folders: list[str], settings: Settings) -> Dataset:
    """One row for each picture. Rows take a hundred bytes each, so all are kept in memory."""
    pictures = ray.data.read_binary_files(
        folders, include_paths=True, file_extensions=[suffix.lstrip(".") for suffix in SUFFIXES]
    )
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray's own
    actors = max(1, int(resources.get("GPU" if on_gpu(settings) else "CPU", 1)))
    readings: Dataset = pictures.map_batches(
        Reader,
        fn_constructor_args=(settings,),
        batch_size=settings.max_batch_size,
        compute=ActorPoolStrategy(min_size=1, max_size=actors),
        num_gpus=int(on_gpu(settings)),
    ).materialize()
    return readings


def on_gpu(settings: Settings) -> bool:
    return settings.device in ("cuda", "tensorrt")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.ray.read", description="Reads folders of pictures.")
    parser.add_argument(
        "folders", nargs="+", metavar="FOLDER", help="a folder of pictures, at any depth; local, s3:// or gs://"
    )
    parser.add_argument("--out", required=True, help="the folder to write to")
    parser.add_argument("--format", choices=WRITERS, default="parquet", help="the format of the written files")
    arguments = parser.parse_args()
    readings = read(arguments.folders, Settings())
    WRITERS[arguments.format](readings, arguments.out)
    failed = readings.filter(lambda row: row["error"] is not None).count()
    print(f"{readings.count() - failed} pictures read, {failed} could not be read; in {arguments.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
