"""The project's documents, and what is shown in them: commands, code, links, paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]

PYTHON = r"(?:\.venv/bin/)?python3? -m"
KINDS = {
    "curl": r"curl ",
    "make": r"make ",
    "app": rf"{PYTHON} app ",
    "training": rf"{PYTHON} training ",
    "tests": rf"{PYTHON} (pytest|ruff|tests\.)",
    "pip": rf"({PYTHON} venv|{PYTHON} pip|\.venv/bin/pre-commit)",
    "docker": r"docker ",
    "kubectl": r"kubectl ",
    "openssl": r"openssl ",
    "ray": rf"(serve run|{PYTHON} deploy\.)",
}


class Shown(NamedTuple):
    """Something that a document shows."""

    document: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}: {self.text}"


def read(name: str) -> str:
    return (ROOT / name).read_text()


def blocks(language: str, document: str) -> list[str]:
    """The fenced blocks of code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", read(document), re.MULTILINE | re.DOTALL)


def names() -> list[str]:
    return [str(document.relative_to(ROOT)) for document in DOCUMENTS]


def all_blocks(language: str) -> list[Shown]:
    return [Shown(name, block) for name in names() for block in blocks(language, name)]


def commands() -> list[Shown]:
    """Each line of the shell, without its comment."""
    shown = []
    for name, block in all_blocks("sh"):
        lines = [re.sub(r"\s+# .*", "", line) for line in block.splitlines()]
        shown += [Shown(name, line) for line in lines if line]
    return shown


def commands_of_kind(kind: str) -> list[Shown]:
    return [command for command in commands() if re.match(KINDS[kind], command.text)]


def inline_code() -> list[Shown]:
    """`What stands between backticks`, outside of blocks."""
    shown = []
    for name in names():
        prose = re.sub(r"^```.*?^```", "", read(name), flags=re.MULTILINE | re.DOTALL)
        shown += [Shown(name, " ".join(code.split())) for code in re.findall(r"`([^`]+)`", prose)]
    return shown


def links() -> list[Shown]:
    """What links and pictures point to."""
    return [Shown(name, target) for name in names() for target in re.findall(r"\]\(([^)\s]+)\)", read(name))]


def sections(document: Path) -> dict[str, str]:
    """The text under each heading, by the anchor that GitHub gives the heading."""
    prose = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    parts = [part for part in re.split(r"^(?=#+ )", prose, flags=re.MULTILINE) if part.startswith("#")]
    return {anchor(part.partition("\n")[0].lstrip("# ")): part for part in parts}


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
