"""Parts of reports in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence


def format_table(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns without titles."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.2f} %"
