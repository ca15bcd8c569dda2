"""What the documents say is true of the files, the settings, the routes and the figures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from app import __version__
from app.errors import ServiceError
from app.main import create_app
from app.settings import Settings
from tests.conftest import NEWEST, ROOT
from tests.support.documents import Shown, blocks, inline_code, links, names, read, sections

README_WORDS = 900
PATH = re.compile(r"(?:\.?[\w-]+/)+[\w.-]*|\w[\w-]*\.(?:py|md|toml|cff|yaml|png|onnx|js)")
FOLDERS = ("app", "training", "tests", "docs", "models", "benchmarks", "deploy", "requirements", ".ci", ".github")


def test_readme_is_short() -> None:
    assert len(read("README.md").split()) <= README_WORDS


@pytest.mark.parametrize("link", links(), ids=str)
def test_link_leads_somewhere(link: Shown) -> None:
    path, _, anchor = link.text.partition("#")
    if path.startswith("https://"):
        return  # another site: the tests ask no server for anything
    target = (ROOT / link.document).parent / path if path else ROOT / link.document
    assert target.exists()
    if anchor:
        assert anchor in sections(target)


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md", "README.md", "docs/glossary.md"])
def test_files_that_are_named_exist(document: str) -> None:
    named = [code.text for code in inline_code() if code.document == document and PATH.fullmatch(code.text)]
    paths = [path for path in named if path.split("/")[0] in FOLDERS]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def rooms() -> Iterator[tuple[str, set[str]]]:
    """Each folder of the tables in docs/architecture.md, and its modules."""
    for folder, modules in re.findall(
        r"^\| `((?:app|training)/\S*)` \| .* \| (.*) \|$", read("docs/architecture.md"), re.MULTILINE
    ):
        yield folder, set(re.findall(r"`(\w+)`", modules))


def test_architecture_lists_every_module_and_no_other() -> None:
    listed = {folder + module for folder, modules in rooms() for module in modules}
    there = {
        str(path.relative_to(ROOT).with_suffix(""))
        for package in ("app", "training")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert listed == there


def cells_of_the_served_version(section: str) -> list[str]:
    """Of the section's tables, without the columns and rows of other versions of the model."""
    of_another = re.compile(rf"(?:version|`digits`) (?!{NEWEST}\b)\d|seeds|textbook")
    cells: list[str] = []
    for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
        for row in rows:
            if not of_another.search(row[0]):
                cells += [cell for name, cell in zip(head, row, strict=False) if not of_another.search(name)]
    return cells


def test_headline_figures_of_the_readme_are_the_served_version_s_in_the_section_they_link_to() -> None:
    figures = re.findall(r"^\| \[.*\]\((docs/results\.md)#(\S+)\) \| \*\*(.*)\*\* \|$", read("README.md"), re.MULTILINE)
    assert len(figures) == 6
    for document, anchor, figure in figures:
        cells = cells_of_the_served_version(sections(ROOT / document)[anchor])
        assert any(re.search(rf"(^|\s){re.escape(figure)}", cell) for cell in cells), figure


def test_ratios_of_the_comparison_stand_in_the_results() -> None:
    (row,) = re.findall(
        r"^\| \[times as slow, 64 clients\]\(docs/results\.md#(\S+)\) \| 1 \| (.*) \|$", read("README.md"), re.MULTILINE
    )
    anchor, cells = row
    for ratio in re.findall(r"[\d.]+", cells):
        assert f"**{ratio}**" in sections(ROOT / "docs/results.md")[anchor]


def metrics_of(version: str) -> list[dict[str, Any]]:
    return list(json.loads((ROOT / "models" / version / "manifest.json").read_text())["metrics"])


@pytest.mark.parametrize("version", ["digits/6", "digits/7", "digits/8", "digits-mlp/1", "digits-mlp/2"])
def test_accuracy_in_the_results_is_that_of_the_manifest(version: str) -> None:
    table = sections(ROOT / "docs/results.md")["accuracy-on-mnist"]
    name, number = version.split("/")
    (row,) = re.findall(rf"^\| `{name}` {number}[ ,].*", table, re.MULTILINE)
    for metric in metrics_of(version):
        if metric["data"] == "MNIST test, 10,000 digits":
            assert f" {100 * metric['value']:.2f} %" in row


def test_figures_of_the_test_sets_are_those_of_the_manifest() -> None:
    parts = sections(ROOT / "docs/results.md")
    tables = parts["pictures-that-people-send"] + parts["pictures-without-a-digit"]
    formats = {
        "accuracy": lambda value: f"| {100 * value:.2f} %",
        "expected_calibration_error": lambda value: f"| {100 * value:.2f} %",
        "share_refused": lambda value: f"| {100 * value:.1f} %".replace("100.0", "100"),
        "auroc": lambda value: f"| {value:.4f} |",
    }
    for metric in metrics_of(f"digits/{NEWEST}"):
        if "picture" in metric["data"]:
            assert formats[metric["name"]](metric["value"]) in tables, metric


def test_every_variable_that_is_named_is_a_setting() -> None:
    settings = {f"DIGITS_{name.upper()}" for name in Settings.model_fields}
    for document in names():
        assert set(re.findall(r"DIGITS_[A-Z_]+\b", read(document))) - {"DIGITS_"} <= settings, document


def test_defaults_in_the_text_are_those_of_the_settings() -> None:
    shown = [pair for name in names() for pair in re.findall(r"`DIGITS_([A-Z_]+)` \((\d+)\)", read(name))]
    assert len(shown) >= 3
    shown += [("VERSION_POLICY", re.findall(r"^\| `(\S+)` \(default\)", read("docs/deployment.md"), re.MULTILINE)[0])]
    for name, default in shown:
        assert str(Settings.model_fields[name.lower()].default) == default, name


def test_api_document_has_every_route() -> None:
    table = sections(ROOT / "docs/api.md")["routes"]
    shown = re.findall(r"`(?:[A-Z]+ )?(/[^`]*)`", table)
    families = tuple(path.removesuffix("...") for path in shown if path.endswith("..."))
    paths = create_app(Settings(models=ROOT / "models")).openapi()["paths"]
    assert [path for path in paths if path not in shown and not f"{path}/".startswith(families)] == []


def leaves(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    children = error.__subclasses__()
    yield from (leaf for child in children for leaf in leaves(child)) if children else [error]


def test_api_document_has_every_problem_with_its_status() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", sections(ROOT / "docs/api.md")["errors"], re.MULTILINE)
    shown = {(int(status), slug) for status, slugs in rows for slug in re.findall(r"`([\w-]+)`", slugs)}
    assert shown == {(int(error.status), error.slug) for error in leaves(ServiceError)}


def test_changelog_and_citation_are_of_this_version() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == __version__
    dated = re.findall(r"^## \[([\d.]+)\] - (\d{4}-\d{2}-\d{2})$", read("CHANGELOG.md"), re.MULTILINE)
    assert dated[0] == (__version__, citation["date-released"])


def test_hooks_before_a_commit_run_commands_of_the_project() -> None:
    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        program, *arguments = hook["entry"].split()
        assert program in (".venv/bin/python", "make")
        assert all((ROOT / argument).exists() for argument in arguments if argument.endswith(".py"))


def test_workflow_runs_what_ci_runs() -> None:
    workflow = yaml.safe_load(read(".github/workflows/ci.yml"))
    assert workflow["jobs"]["ci"]["steps"][-1] == {"run": ".ci/run"}
    assert (ROOT / ".ci/run").stat().st_mode & 0o100


def test_issue_forms_ask_in_fields_that_have_labels() -> None:
    for form in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        if form.name != "config.yml":
            fields = yaml.safe_load(form.read_text())["body"]
            assert all(field["attributes"].get("label") for field in fields if field["type"] != "markdown")


def test_drawings_of_the_architecture_name_rooms_that_exist() -> None:
    (drawing,) = blocks("mermaid", "docs/architecture.md")
    for room in re.findall(r'"(\w+)/\w+', drawing):
        assert (ROOT / "app" / room).is_dir()
