"""One small run, trained once, that all tests of this folder share."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from PIL import ImageFont

from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.datasets.pen_trajectories import PenDigits
from training.networks.train import train
from training.synthesis.glyphs import Points, Sources
from training.synthesis.non_digits import texture
from training.synthesis.styles import WAYS

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignores a warning: Keras hands NumPy 2 TensorFlow's tensors, which do not take its keyword `copy` yet."""
    ignore = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(ignore))


@pytest.fixture(scope="session")
def data(test_digits: Digits) -> Split:
    """A small split, made of the test digits: the training digits are not in the repository."""
    return Split(train=test_digits[:2000], validation=test_digits[2000:3000], test=test_digits[3000:4000])


@pytest.fixture(scope="session")
def sources(test_digits: Digits) -> Sources:
    """With Pillow's only font and a texture for a photo, so that nothing is downloaded."""
    font = ImageFont.load_default(size=256)
    assert isinstance(font, ImageFont.FreeTypeFont)
    ten = PenDigits(np.array([pen_trajectory(digit) for digit in range(10)]), np.arange(10, dtype=np.uint8))
    return Sources(test_digits[:200], (font,), (texture(300, np.random.default_rng(0)),), ten)


def pen_trajectory(digit: int) -> Points:
    """(8, 2): eight points along the path of one way to write the digit, in a unit square."""
    path = np.concatenate(WAYS[digit][0][0](np.random.default_rng(0)))
    points = path[np.linspace(0, len(path) - 1, 8).astype(int)]
    return np.asarray((points - points.min(axis=0)) / np.maximum(np.ptp(points, axis=0), 1e-9), np.float64)


@pytest.fixture(scope="session")
def config() -> TrainConfig:
    return TrainConfig(name="tiny", arch="mlp", epochs=2, warmup_epochs=1, batch_size=50, ema_momentum=0.9)


@pytest.fixture(scope="session")
def run(config: TrainConfig, data: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder. Tests must not write to it."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train(config, data, folder, verbose="0")
    return folder
