"""Whether 50 corrections of one writer help, on a small synthetic dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.adaptation.trial import CORRECTED, MEASURED, Trial
from training.datasets.mnist import Split
from training.evaluation.writers import WRITERS, Writer


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_fifty_corrections_halve_the_errors_of_a_writer(
    writer: Writer, start: Path, data: Split, bank: Path, tmp_path: Path
) -> None:
    result = Trial(start, data, bank=str(bank)).of(writer, tmp_path, np.random.default_rng(1))
    assert result.others.n == MEASURED
    assert 0 < result.misread < CORRECTED
    assert result.others.n - result.others.before >= 0.05 * MEASURED
    assert result.others.n - result.others.after <= (result.others.n - result.others.before) / 2
