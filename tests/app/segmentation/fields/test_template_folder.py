"""The operator's folder of templates: all are checked when the service starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import StartupError
from app.segmentation.fields.template_folder import read_templates

TEMPLATE = '{"fields": {"meter": {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.05}}}'


def test_templates_are_named_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "meter-2026.json").write_text(TEMPLATE)
    (tmp_path / "notes.txt").write_text("no template")
    (tmp_path / ".hidden.json").write_text("no template")
    assert list(read_templates(tmp_path)) == ["meter-2026"]


def test_template_as_windows_writes_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "Form.JSON").write_text(TEMPLATE, encoding="utf-8-sig")
    assert list(read_templates(tmp_path)) == ["Form"]


def test_template_in_utf_16_is_refused_with_its_encoding(tmp_path: Path) -> None:
    (tmp_path / "meter.json").write_text(TEMPLATE, encoding="utf-16")
    with pytest.raises(StartupError, match=r"meter\.json is in UTF-16"):
        read_templates(tmp_path)


def test_two_templates_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("meter.json", "meter.JSON"):
        (tmp_path / name).write_text(TEMPLATE)
    with pytest.raises(StartupError, match=r"several files named meter\.json"):
        read_templates(tmp_path)


def test_wrong_template_is_named_with_its_field(tmp_path: Path) -> None:
    (tmp_path / "meter.json").write_text(TEMPLATE.replace("0.3", "3"))
    with pytest.raises(StartupError, match=r"meter\.json is wrong in the field 'meter', width"):
        read_templates(tmp_path)


def test_file_that_no_request_could_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a b.json").write_text(TEMPLATE)
    with pytest.raises(StartupError, match="must be named with letters"):
        read_templates(tmp_path)


def test_folder_or_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="none cannot be listed"):
        read_templates(tmp_path / "none")
    (tmp_path / "meter.json").mkdir()
    with pytest.raises(StartupError, match=r"meter\.json cannot be read"):
        read_templates(tmp_path)
