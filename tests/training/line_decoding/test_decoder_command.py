"""python -m training decoder"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.segmentation.decoding import kinds
from app.segmentation.decoding.grammar import COUNTED
from app.segmentation.decoding.kinds import SIGNS
from app.segmentation.decoding.lattice import MEASURES
from tests.conftest import NEWEST, ROOT
from training import __main__
from training.datasets.mnist import Split
from training.line_decoding import decoder, samples
from training.synthesis.glyphs import Sources


def test_it_writes_what_the_service_loads(
    monkeypatch: pytest.MonkeyPatch, data: Split, sources: Sources, tmp_path: Path
) -> None:
    few = Sources(data.train, sources.fonts, ())
    monkeypatch.setattr(samples, "training_sources", lambda _: few)
    monkeypatch.setattr(decoder, "line_sources", lambda _: few)
    monkeypatch.setattr(samples, "run_in_processes", lambda job, tasks, **_: [job(*tasks[0])])
    monkeypatch.setattr(samples, "LINES_OF_A_TASK", 30)
    monkeypatch.setattr(samples, "PAGES_OF_A_TASK", 6)
    monkeypatch.setattr(decoder, "load_mnist", lambda _: data)
    version = str(ROOT / "models" / "digits" / str(NEWEST))
    options = ["--epochs", "1", "--fitted-lines", "12", "--out", str(tmp_path)]
    assert __main__.main(["decoder", version, *options]) == 0
    assert kinds.load(tmp_path / "kinds.npz").weights[-1].shape[1] == len(SIGNS)
    weights = json.loads((tmp_path / "weights.json").read_text())
    assert (list(weights["signs"]), list(weights["text"])) == (list(MEASURES), list(COUNTED))
