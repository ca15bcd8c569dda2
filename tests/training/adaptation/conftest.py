"""A version to adapt, own pictures, and a small synthetic dataset, so that nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.pictures import encode, enlarged
from training.datasets.mnist import Digits
from training.datasets.own_pictures import make_own_pictures
from training.distillation.soft_targets import smooth_labels
from training.distillation.synthetic_dataset import PLAN_FILE, Examples, shard_path
from training.synthesis.non_digits import texture

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="session")
def start() -> Path:
    return MODELS / "digits/7"


@pytest.fixture(scope="session")
def own(test_digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures of a writer whose digits lie on their side."""
    folder = tmp_path_factory.mktemp("own")
    for index in range(20):
        file = folder / f"source/{test_digits.labels[index]}/{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(enlarged(np.rot90(test_digits.images[index]))))
    make_own_pictures(folder / "source", folder / "mine", read_model=pytest.fail)
    return folder / "mine"


@pytest.fixture(scope="session")
def bank(test_digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small shard of each kind; a tenth of the pictures show no digit."""
    folder = tmp_path_factory.mktemp("bank")
    rng = np.random.default_rng(0)
    for start_, kind in enumerate(("near", "plain", "pictures", "validation")):
        digits = test_digits[4000 + 300 * start_ : 4300 + 300 * start_]
        images, labels = digits.images.copy(), digits.labels.astype(np.int64)
        if kind in ("pictures", "validation"):
            images[:30] = np.stack([texture(28, rng) for _ in range(30)])
            labels[:30] = 10
        Examples(images, smooth_labels(labels)).save(shard_path(folder, kind, 0))
    (folder / PLAN_FILE).write_text(json.dumps({"shard_size": 300}))
    return folder
