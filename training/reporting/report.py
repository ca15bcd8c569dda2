"""A folder of pictures and a model card, for people."""

from __future__ import annotations

from pathlib import Path

from training.reporting import contact_sheet
from training.reporting.model_card import card
from training.reporting.plots import confusion, curves, misread, reliability
from training.reporting.results import Findings

CARD = "card.md"


def report(findings: Findings, out: Path) -> None:
    """Writes curves.png, confusion.png, misread.png, reliability.png and card.md into the folder `out`.

    And kinds.png, where it was tried on kinds of pictures.
    """
    out.mkdir(parents=True, exist_ok=True)
    figures = {"curves": curves, "confusion": confusion, "misread": misread, "reliability": reliability}
    for name, draw in figures.items():
        draw(findings).savefig(out / f"{name}.png", metadata={"Software": None})
    if findings.outcomes:
        (out / contact_sheet.FILE).write_bytes(contact_sheet.contact_sheet(findings.outcomes))
    (out / CARD).write_text(card(findings), encoding="utf-8")
