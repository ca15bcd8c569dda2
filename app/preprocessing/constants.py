"""The constants of preprocessing, which Python and the browser's JavaScript both read from constants.json.

Each has a unit and a reason there. A module binds those it uses to names of its own; `as_es_module` gives them to the
browser.
"""

from __future__ import annotations

import json
from pathlib import Path

Number = int | float

GROUPS = json.loads(Path(__file__).with_name("constants.json").read_text("utf-8"))  # by the module that uses them first
CONSTANTS: dict[str, Number] = {name: entry["value"] for group in GROUPS.values() for name, entry in group.items()}


def integer(name: str) -> int:
    value = CONSTANTS[name]
    assert isinstance(value, int), name
    return value


def number(name: str) -> float:
    return float(CONSTANTS[name])


def as_es_module() -> str:
    """JavaScript that exports each constant by its name."""
    return "".join(f"export const {name} = {json.dumps(value)};\n" for name, value in CONSTANTS.items())
