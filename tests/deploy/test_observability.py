"""The dashboard, the alerts and the autoscaler ask for what the service has, and their tools accept them."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.errors import ServiceError
from tests.conftest import ROOT
from tests.deploy.test_compose import SERVICES
from tests.support import prometheus_rule
from tests.support.service import TIMEOUT_S, serving

FOLDER = ROOT / "deploy/observability"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = DASHBOARD["panels"]
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
SCALED_OBJECT = yaml.safe_load((ROOT / "deploy/kubernetes/gpu/scaledobject.yaml").read_text())
EXPRESSIONS = {
    **{
        f"{panel['title']}, {target['refId']}": target["expr"]
        for panel in PANELS
        for target in panel.get("targets", ())
    },
    **{
        f"variable {variable['name']}": variable["query"]["query"]
        for variable in DASHBOARD["templating"]["list"]
        if variable["type"] == "query"
    },
    **{rule["alert"]: rule["expr"] for rule in RULES},
    "KEDA": SCALED_OBJECT["spec"]["triggers"][0]["metadata"]["query"],
}
OF_SCRAPES = {"instance", "job"}  # labels that Prometheus adds
PROMTOOL = shutil.which("promtool") or ROOT / ".cache/promtool/promtool"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names of all samples of a scrape, with the names of their labels."""
    seven = (ROOT / "app/web/static/seven.png").read_bytes()
    corrected = json.dumps({"image": base64.b64encode(seven).decode(), "digits": "7", "read": "1"}).encode()
    folder = str(tmp_path_factory.mktemp("corrections"))
    with serving("--device", "cpu", "--corrections", folder, "--corrections-open") as service:
        urllib.request.urlopen(service.address + "/predict", seven).close()
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(service.address + "/corrections", corrected, headers)).close()
        assert service.get("/nothing")[0] == 404
        with urllib.request.urlopen(service.address + "/metrics", timeout=TIMEOUT_S) as response:
            families = list(text_string_to_metric_families(response.read().decode()))
    found: dict[str, set[str]] = {}
    for family in families:
        names = {label for sample in family.samples for label in sample.labels}
        names |= {"model", "entry"} if family.name == "digits_model_refused" else set()  # it refuses none here
        for name in [sample.name for sample in family.samples] or [family.name]:
            found.setdefault(name, set()).update(names)
    return found | {"up": set()}  # Prometheus's own


def asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric with the labels that it is asked for by."""
    for name, matchers in re.findall(r"\b((?:digits|process)_\w+|up)\b(?:{([^}]*)})?", expression):
        yield name, set(re.findall(r"(\w+)=?[=~!]", matchers))


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_metric_and_label_asked_for_is_told(expression: str, told: dict[str, set[str]]) -> None:
    metrics = list(asked(expression))
    assert metrics
    grouped = {label.strip() for by in re.findall(r"\bby \(([^)]*)\)", expression) for label in by.split(",")}
    for name, labels in metrics:
        assert name in told
        assert labels | grouped <= told[name] | OF_SCRAPES


def test_every_metric_of_ours_is_on_the_dashboard_and_in_the_documents(told: dict[str, set[str]]) -> None:
    shown = " ".join(EXPRESSIONS.values())
    documented = (ROOT / "docs/deployment.md").read_text()
    ours = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in told if name.startswith("digits_")}
    assert [name for name in sorted(ours) if name not in shown] == []
    assert [name for name in sorted(ours) if f"`{name}" not in documented] == []
    assert set(re.findall(r"`(digits_\w+?)(?:_total)?`", documented)) <= ours


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


# --- Prometheus -------------------------------------------------------------------------------------------------------


def promtool(*arguments: object) -> str:
    if not shutil.which(str(PROMTOOL)):
        pytest.skip("needs promtool: make .cache/promtool/promtool")
    process = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    output = process.stdout + process.stderr
    assert process.returncode == 0, output
    return output


def test_rules_and_configuration_are_what_prometheus_takes() -> None:
    assert f"{len(RULES)} rules found" in promtool(
        "check", "rules", "--lint=all", "--lint-fatal", FOLDER / "alerts.yaml"
    )
    assert "SUCCESS" in promtool("check", "config", FOLDER / "prometheus.yaml")


def test_alerts_fire_when_they_should_and_not_before() -> None:
    promtool("test", "rules", ROOT / "tests/deploy/alerts.test.yaml")


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    cases = yaml.safe_load((ROOT / "tests/deploy/alerts.test.yaml").read_text())["tests"]
    fired = {check["expr"] for case in cases for check in case["promql_expr_test"] if check.get("exp_samples")}
    for rule in RULES:
        assert any(f'"{rule["alert"]}"' in expression for expression in fired), rule["alert"]


def test_rules_for_the_operator_are_the_same() -> None:
    assert prometheus_rule.RULE.read_text() == prometheus_rule.rendered(), "python -m tests.support.prometheus_rule"


def test_an_alert_fires_where_no_instance_is_left_to_send_metrics() -> None:
    (gone,) = [rule for rule in RULES if "absent(" in rule["expr"]]
    assert gone["labels"]["severity"] == "critical"


# --- Prometheus and Grafana in compose.yaml ---------------------------------------------------------------------------


def mounts_of(service: str) -> dict[str, str]:
    """Files of the repository by where they are in the container."""
    volumes = [volume.split(":") for volume in SERVICES[service]["volumes"]]
    return {inside: outside for outside, inside, *_ in volumes if outside.startswith("./")}


def test_prometheus_finds_its_rules_and_the_services_metrics() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    mounts = mounts_of("prometheus")
    assert mounts["/etc/prometheus/prometheus.yml"] == "./observability/prometheus.yaml"
    assert [f"/etc/prometheus/{file}" for file in config["rule_files"]] == [
        inside for inside, outside in mounts.items() if outside.endswith("/alerts.yaml")
    ]
    (scrape,) = config["scrape_configs"]
    assert scrape["job_name"] == "digits"
    (discovery,) = scrape["dns_sd_configs"]
    for name in discovery["names"]:
        assert str(discovery["port"]) == SERVICES[name]["environment"]["DIGITS_METRICS_PORT"]


def test_grafana_finds_its_datasource_and_the_dashboard() -> None:
    datasources, dashboards = (
        yaml.safe_load((FOLDER / f"grafana/{name}.yaml").read_text()) for name in ("datasources", "dashboards")
    )
    (source,) = datasources["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["type"] == PANELS[1]["datasource"]["type"] == "prometheus"
    (provider,) = dashboards["providers"]
    mounts = mounts_of("grafana")
    assert mounts[f"{provider['options']['path']}/digits.json"] == "./observability/dashboard.json"
    assert {inside.split("/")[-2] for inside in mounts if "/provisioning/" in inside} == {"datasources", "dashboards"}


def test_every_file_that_is_mounted_exists() -> None:
    for service in ("prometheus", "grafana"):
        assert all((ROOT / "deploy" / outside).is_file() for outside in mounts_of(service).values())
