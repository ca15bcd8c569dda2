from __future__ import annotations

import numpy as np
import pytest

from training.audit.confidence import evaluate_calibration


def predictions(confidence: float, accuracy: float, n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    probabilities = np.full((n, 10), (1 - confidence) / 9, np.float32)
    labels = (np.arange(n) >= accuracy * n).astype(np.uint8)  # 1 where the prediction 0 is wrong
    probabilities[:, 0] = confidence
    return probabilities, labels


def test_overconfidence_is_measured_with_its_interval() -> None:
    result = evaluate_calibration(*predictions(confidence=0.9, accuracy=0.7))
    assert result.error == pytest.approx(0.2, abs=1e-3)
    assert 0.17 < result.interval[0] < 0.2 < result.interval[1] < 0.23


def test_calibrated_predictions_have_no_error_but_chance() -> None:
    result = evaluate_calibration(*predictions(confidence=0.8, accuracy=0.8))
    assert result.error == pytest.approx(0, abs=1e-6)
    assert result.interval[1] < 0.03
