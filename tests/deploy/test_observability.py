"""The dashboard and the alert rules ask for what the service tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.errors import ServiceError
from app.main import create_app
from app.settings import Settings
from tests.conftest import ROOT

FOLDER = ROOT / "deploy/observability"
PANELS = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
EXPRESSIONS = {
    **{
        f"{panel['title']}, {target['refId']}": target["expr"]
        for panel in PANELS
        for target in panel.get("targets", ())
    },
    **{rule["alert"]: rule["expr"] for rule in RULES},
}
OF_SCRAPES = {"instance", "job"}  # labels that Prometheus adds


@pytest.fixture(scope="module")
def told(models: Path) -> dict[str, set[str]]:
    """The names of all samples of a scrape, with the names of their labels."""
    with TestClient(create_app(Settings(models=models, device="cpu"))) as client:
        assert client.post("/predict", content=(ROOT / "app/web/static/seven.png").read_bytes()).status_code == 200
        assert client.post("/predict", content=b"").status_code == 400
        families = list(text_string_to_metric_families(client.get("/metrics").text))
    found: dict[str, set[str]] = {}
    for family in families:
        names = {label for sample in family.samples for label in sample.labels}
        names |= {"model", "entry"} if family.name == "digits_model_refused" else set()  # it refuses none here
        for name in [sample.name for sample in family.samples] or [family.name]:
            found.setdefault(name, set()).update(names)
    return found


def asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric with the labels that it is asked for by."""
    for name, matchers in re.findall(r"\b(digits_\w+)(?:{([^}]*)})?", expression):
        yield name, set(re.findall(r"(\w+)=?[=~!]", matchers))


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_metric_and_label_asked_for_is_told(expression: str, told: dict[str, set[str]]) -> None:
    metrics = list(asked(expression))
    assert metrics
    grouped = {label.strip() for by in re.findall(r"\bby \(([^)]*)\)", expression) for label in by.split(",")}
    for name, labels in metrics:
        assert name in told
        assert labels | grouped <= told[name] | OF_SCRAPES


def test_every_metric_of_ours_is_on_the_dashboard(told: dict[str, set[str]]) -> None:
    shown = " ".join(EXPRESSIONS.values())
    ours = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in told if name.startswith("digits_")}
    assert [name for name in sorted(ours) if name not in shown] == []


def test_alerts_name_kinds_of_problems_that_exist() -> None:
    slugs = {error.slug for error in subclasses(ServiceError) if hasattr(error, "slug")}
    for expression in EXPRESSIONS.values():
        for named in re.findall(r'kind=~?"([^"]*)"', expression):
            assert set(named.split("|")) <= slugs


def subclasses(error: type[ServiceError]) -> set[type[ServiceError]]:
    return {error}.union(*map(subclasses, error.__subclasses__()))


def test_panels_do_not_lie_on_each_other() -> None:
    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        at = panel["gridPos"]
        return {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}

    taken = [cell for panel in PANELS for cell in cells(panel)]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_every_alert_says_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].strip()
