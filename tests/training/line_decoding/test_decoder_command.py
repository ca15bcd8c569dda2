"""python -m training decoder"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.segmentation.decoding import kinds
from app.segmentation.decoding.grammar import COUNTED
from app.segmentation.decoding.kinds import SIGNS
from app.segmentation.decoding.lattice import MEASURES
from app.segmentation.decoding.weights import Weights, fitted_weights
from tests.conftest import NEWEST, ROOT
from training import __main__
from training.datasets.mnist import Split
from training.line_decoding import decoder, fitting, samples
from training.synthesis.glyphs import Sources


@pytest.mark.slow
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
    out = tmp_path / "decoder"

    def fit_with_no_file_yet(lines: Sequence[fitting.LabelledLine]) -> Iterator[Weights]:
        """A command that is interrupted here has changed nothing."""
        for weights in fitting.fit_weights(lines):
            assert not out.exists()
            yield weights

    monkeypatch.setattr(decoder, "fit_weights", fit_with_no_file_yet)
    options = ["--epochs", "1", "--fitted-lines", "12", "--out", str(out)]
    assert __main__.main(["decoder", version, *options]) == 0
    assert kinds.load(out / "kinds.npz").weights[-1].shape[1] == len(SIGNS)
    weights = json.loads((out / "weights.json").read_text())
    served = fitted_weights()
    of_service = dict(zip((*MEASURES, *COUNTED), (*served.signs.tolist(), *served.text.tolist()), strict=True))
    written = weights["signs"] | weights["text"]
    assert {name: written[name] for name in fitting.SET_BY_HAND} == fitting.SET_BY_HAND
    assert {name: of_service[name] for name in fitting.SET_BY_HAND} == fitting.SET_BY_HAND
    assert (list(weights["signs"]), list(weights["text"])) == (list(MEASURES), list(COUNTED))
