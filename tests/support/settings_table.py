"""The table of docs/settings.md, written from `Settings`: python -m tests.support.settings_table"""

from __future__ import annotations

import re

from app.settings import Settings
from tests.conftest import ROOT

DOCUMENT = ROOT / "docs/settings.md"
HEAD = "| variable | default | description |\n|---|---|---|\n"


def rows() -> list[str]:
    written = []
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = "none" if default in ((), "", None) else f"`{default}`"
        written.append(f"| `DIGITS_{name.upper()}` | {shown} | {field.description} |")
    return written


def main() -> None:
    table = HEAD + "".join(row + "\n" for row in rows())
    before, after = re.split(re.escape(HEAD) + r"(?:\|.*\n)*", DOCUMENT.read_text())
    DOCUMENT.write_text(before + table + after)


if __name__ == "__main__":
    main()
