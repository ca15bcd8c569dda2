"""Texts whose marks stand where they belong are likelier than others."""

from __future__ import annotations

import pytest

from app.segmentation.decoding.grammar import log_prior


@pytest.mark.parametrize(
    ("usual", "unusual"),
    [
        ("24/12/2026", "24112/2026"),
        ("24112", "24/12/"),
        ("1117", "(117"),
        ("12.50", ".1250"),
        ("12:45", "124:5"),
        ("96%", "%96"),
        ("53+44", "5344+"),
        ("-427", "427-"),
        ("92403", "9 2 4 0 3"),
    ],
)
def test_usual_text_is_likelier(usual: str, unusual: str) -> None:
    assert log_prior(usual) > log_prior(unusual)


@pytest.mark.parametrize("text", ["12345", "(117)", "12.50", "1299,50", "-427", "12:45", "96%", "53+44"])
def test_numbers_cost_nothing(text: str) -> None:
    assert log_prior(text) == 0
