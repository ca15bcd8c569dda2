"""Three digits, and what the model makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.arrays import Images, Probabilities
from tests.support.pictures import encode
from tests.support.predictions import post_files
from training.datasets.mnist import Digits


@pytest.fixture(scope="module")
def images(test_digits: Digits) -> Images:
    """7, 2 and 1."""
    return test_digits.images[:3]


@pytest.fixture(scope="module")
def expected(client: TestClient, images: Images) -> Probabilities:
    """The probabilities of `images` by /predict: preprocessing leaves MNIST's images as they are."""
    predictions = post_files(client, [encode(image) for image in images]).json()["predictions"]
    return np.array([prediction["probabilities"] for prediction in predictions], np.float32)
