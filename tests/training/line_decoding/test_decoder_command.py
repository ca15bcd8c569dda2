"""python -m training decoder"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from app.segmentation.decoding import kinds
from app.segmentation.decoding.grammar import COUNTED
from app.segmentation.decoding.kinds import KINDS
from app.segmentation.decoding.lattice import MEASURES
from tests.conftest import NEWEST, ROOT
from training import __main__
from training.datasets.mnist import Split
from training.line_decoding import samples
from training.line_decoding.samples import Samples, samples_of_line
from training.synthesis.glyphs import Sources


def test_it_writes_what_the_service_loads(
    monkeypatch: pytest.MonkeyPatch, data: Split, sources: Sources, tmp_path: Path
) -> None:
    def few_samples(*_: object) -> Samples:
        found = [samples_of_line(sources, np.random.default_rng(seed)) for seed in range(30)]
        parts = [part for part in found if part is not None]
        features, labels = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
        return Samples(features, labels)

    monkeypatch.setattr(samples, "make_samples", few_samples)
    monkeypatch.setattr(samples, "line_sources", lambda digits: Sources(digits, sources.fonts, ()))
    monkeypatch.setattr(__main__, "load_mnist", lambda _: data)
    version = str(ROOT / "models" / "digits" / str(NEWEST))
    options = ["--epochs", "1", "--fitted-lines", "12", "--out", str(tmp_path)]
    assert __main__.main(["decoder", version, *options]) == 0
    assert kinds.load(tmp_path / "kinds.npz").weights[-1].shape[1] == KINDS
    weights = json.loads((tmp_path / "weights.json").read_text())
    assert (list(weights["signs"]), list(weights["text"])) == (list(MEASURES), list(COUNTED))
