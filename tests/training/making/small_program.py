"""`python -m training` on 700 digits, one font and no download: a program that tests start, and kill.

The processes that it spawns import this module first, so the small data is theirs too.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import ImageFont

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from training.datasets import fonts, mnist, photos
from training.evaluation import testsets
from training.evaluation.testsets.base import TestSet
from training.synthesis.non_digits import texture

ROOT = Path(__file__).parents[3]


def small_mnist(_: Path | None = None) -> mnist.Split:
    digits = mnist.load_test_digits(ROOT / "tests/data")
    return mnist.Split(train=digits[:400], validation=digits[400:600], test=digits[600:700])


def pillows_font(_: object) -> dict[str, fonts.Font]:
    font = ImageFont.load_default(size=256)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return {"default": font}


def few_test_sets(digits: mnist.Digits) -> list[TestSet]:
    return [dataclasses.replace(testsets.files.file_formats(digits), pictures_per_variant=1)]


if __name__ in ("__main__", "__mp_main__"):  # the program and its processes, but not the tests that import this
    for module, name, replacement in (
        (mnist, "load_mnist", small_mnist),
        (fonts, "load_fonts", pillows_font),
        (photos, "load_photos", lambda _: (texture(300, np.random.default_rng(0)),)),
        (testsets, "all_test_sets", few_test_sets),
    ):
        mock.patch.object(module, name, replacement).start()

if __name__ == "__main__":
    from training.__main__ import main  # after the patches: it imports these functions by name

    sys.exit(main())
