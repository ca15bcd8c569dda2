from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples
from training.datasets.mnist import Digits
from training.evaluation.testsets import photos
from training.evaluation.testsets.photos import PHOTO_SIZES, choose_placement


def open_image(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file))


def test_pencil_pen_and_marker_meet_plain_ruled_and_squared_paper(samples: Samples, test_digits: Digits) -> None:
    made = samples(photos.phone_photos(test_digits), 1)
    assert len(made) == 9
    assert {"pencil on plain paper", "marker on squared paper"} <= set(made)
    for (sample,) in made.values():
        photo = open_image(sample.file)
        assert (photo.format, photo.mode) == ("JPEG", "RGB")
        assert photo.size[::-1] in PHOTO_SIZES


def test_a_photo_has_uneven_light_and_noise(samples: Samples, test_digits: Digits) -> None:
    (sample,) = samples(photos.phone_photos(test_digits), 1)["pen on plain paper"]
    grey = np.asarray(open_image(sample.file).convert("L"), float)
    quarters = [np.median(half) for band in np.array_split(grey, 2) for half in np.array_split(band, 2, axis=1)]
    assert max(quarters) - min(quarters) > 10
    assert np.abs(np.diff(grey, axis=1)).mean() > 0.3


def test_large_photos_have_twelve_megapixels(samples: Samples, test_digits: Digits) -> None:
    ((sample,),) = samples(photos.large_phone_photos(test_digits), 1).values()
    assert open_image(sample.file).size == (4000, 3000)


def test_the_digit_is_inside_the_photo() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        placement = choose_placement((480, 640), rng)
        (height, width), (x, y) = placement.sheet, placement.corner
        assert (height, width) == (576, 768)
        assert x > 64 + 0.09 * 640
        assert x + placement.side < width - 64 - 0.09 * 640
        assert y > 48 + 0.09 * 480
        assert y + placement.side < height - 48 - 0.09 * 480
