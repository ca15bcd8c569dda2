"""The templates that the operator keeps in a folder: NAME.json each, read once, when the service starts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from app.errors import StartupError
from app.segmentation.fields.template import MAX_BYTES, Template, TemplateError, parse_template

MAX_TEMPLATES = 1000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read_templates(folder: Path) -> dict[str, Template]:
    """By name. Raises `StartupError`, which names the file and the field that is wrong."""
    templates: dict[str, Template] = {}
    for path in template_files(folder):
        if path.stem in templates:
            raise StartupError(f"the folder of templates {folder} has several files named {path.stem}.json")
        templates[path.stem] = read_template(path)
    return templates


def template_files(folder: Path) -> Iterator[Path]:
    try:
        files = sorted(path for path in folder.iterdir() if is_template(path))
    except OSError as error:
        raise StartupError(f"the folder of templates {folder} cannot be listed: {error.strerror}") from error
    if len(files) > MAX_TEMPLATES:
        raise StartupError(f"the folder of templates {folder} has more than {MAX_TEMPLATES:,} files")
    for path in files:
        if not NAME.fullmatch(path.stem):
            raise StartupError(f"the template {path} must be named with letters, digits, points, - and _")
        yield path


def is_template(path: Path) -> bool:
    return path.suffix.lower() == ".json" and not path.name.startswith(".")


def read_template(path: Path) -> Template:
    """Raises `StartupError`."""
    try:
        with path.open("rb") as file:
            return parse_template(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise StartupError(f"the template {path} cannot be read: {error.strerror}") from error
    except TemplateError as error:
        raise StartupError(f"the template {path} {error}") from error
