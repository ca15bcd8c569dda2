"""The report of a run: a folder with a model card and diagrams."""

from __future__ import annotations

from pathlib import Path

from app.repository.manifest import Manifest
from training.reporting import contact_sheet, plots
from training.reporting.model_card import model_card
from training.reporting.results import RunResults
from training.runs import SEEN_FILE

CARD_FILE = "card.md"


def write_report(results: RunResults, out: Path, manifest: Manifest | None = None) -> None:
    """Writes card.md, curves.png, confusion.png, misread.png and reliability.png into the folder `out`.

    And kinds.png, if robustness was measured; seen.png, if the run has one. `manifest` is that of a version.
    """
    out.mkdir(parents=True, exist_ok=True)
    plots.save_plots(results, out)
    if results.robustness:
        (out / contact_sheet.FILE).write_bytes(contact_sheet.draw_contact_sheet(results.robustness))
    if results.seen:
        (out / SEEN_FILE).write_bytes(results.seen)
    (out / CARD_FILE).write_text(model_card(results, manifest), encoding="utf-8")
