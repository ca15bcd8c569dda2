"""The objects in deploy/kubernetes are what Kubernetes and its extensions take, and fit the image and the service."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.server.server import LINGER_SECONDS
from app.settings import Settings
from tests.conftest import ROOT
from tests.deploy.custom_resources import is_custom, problems
from tests.deploy.kustomization import Document, needs_kubectl, rendered
from tests.support.service import TIMEOUT_S, serving
from tests.support.service_process import free_port

pytestmark = needs_kubectl

FOLDER = ROOT / "deploy/kubernetes"
EVERYWHERE = {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}
KINDS = {
    "base": EVERYWHERE | {"HorizontalPodAutoscaler"},
    "gpu": EVERYWHERE | {"ScaledObject"},
    "example": EVERYWHERE
    | {"HorizontalPodAutoscaler", "ConfigMap", "Secret", "Ingress", "PersistentVolumeClaim"}
    | {"PodMonitor", "PrometheusRule"},
    "canary": EVERYWHERE | {"HorizontalPodAutoscaler", "ConfigMap", "HTTPRoute"},
}
VARIANTS = [FOLDER / name for name in KINDS]

in_all = pytest.mark.parametrize("folder", VARIANTS, ids=lambda folder: folder.name)


def find(folder: Path, kind: str, name: str = "") -> Document:
    """The only object of its kind, or the one whose name begins so."""
    (found,) = [
        document
        for document in rendered(folder)
        if document["kind"] == kind and document["metadata"]["name"].startswith(name)
    ]
    return found


def pod_of(folder: Path) -> Document:
    pod: Document = find(folder, "Deployment")["spec"]["template"]["spec"]
    return pod


def container_of(folder: Path) -> Document:
    (container,) = pod_of(folder)["containers"]
    found: Document = container
    return found


def variables_of(folder: Path) -> dict[str, Any]:
    return {variable["name"]: variable["value"] for variable in container_of(folder)["env"]}


# --- the objects ------------------------------------------------------------------------------------------------------


@in_all
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_objects_are_what_kubernetes_takes(folder: Path, version: str) -> None:
    """Strictly: a misspelt member, which a cluster would drop, is an error."""
    objects = rendered(folder)
    assert {document["kind"] for document in objects} == KINDS[folder.name]
    for document in objects:
        if not is_custom(document):
            kubernetes_validate.validate(document, version, strict=True)


def test_objects_of_extensions_are_what_their_definitions_take(tmp_path: Path) -> None:
    custom = [document for folder in VARIANTS for document in rendered(folder) if is_custom(document)]
    assert {document["kind"] for document in custom} == {"ScaledObject", "PodMonitor", "PrometheusRule", "HTTPRoute"}
    assert problems(custom, tmp_path) == ""


def test_misspelt_member_of_an_extension_is_found(tmp_path: Path) -> None:
    monitor = find(FOLDER / "example", "PodMonitor")
    assert "'selektor'" in problems([monitor | {"spec": {"selektor": {}}}], tmp_path).replace('"', "")


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.yaml")), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_file_is_used(file: Path) -> None:
    if file.name != "kustomization.yaml":
        used = yaml.safe_load((file.parent / "kustomization.yaml").read_text())
        assert file.name in used["resources"] + [patch.get("path") for patch in used.get("patches", [])]


# --- the pods ---------------------------------------------------------------------------------------------------------


@in_all
def test_everything_selects_the_pods_and_no_pods_of_another_deployment(folder: Path) -> None:
    name = find(folder, "Deployment")["metadata"]["name"]
    selector = {"app.kubernetes.io/name": name}
    labels = find(folder, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels == selector | {"app.kubernetes.io/part-of": "digits"}
    assert find(folder, "Deployment")["spec"]["selector"]["matchLabels"] == selector
    assert find(folder, "Service")["spec"]["selector"] == selector
    assert find(folder, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == selector
    assert find(folder, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == selector
    assert pod_of(folder)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == selector


@in_all
def test_one_autoscaler_scales_the_deployment(folder: Path) -> None:
    (scaler,) = [
        document for document in rendered(folder) if document["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")
    ]
    assert scaler["spec"]["scaleTargetRef"]["name"] == find(folder, "Deployment")["metadata"]["name"]
    assert "replicas" not in find(folder, "Deployment")["spec"]


@in_all
def test_pods_have_no_right_they_do_not_need(folder: Path) -> None:
    """The "restricted" standard for pods, and a user that OpenShift may choose."""
    pod = pod_of(folder)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert re.search(r"^USER \d+:\d+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE), "else runAsNonRoot refuses it"
    assert container_of(folder)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert find(folder, "NetworkPolicy")["spec"]["egress"] == []


@in_all
def test_pods_are_given_time_to_drain(folder: Path) -> None:
    settings = Settings()
    drain = settings.drain_seconds + LINGER_SECONDS + settings.shutdown_seconds
    assert pod_of(folder)["terminationGracePeriodSeconds"] > drain


@in_all
def test_variables_of_a_services_name_do_not_become_settings(folder: Path) -> None:
    assert pod_of(folder)["enableServiceLinks"] is False


@in_all
def test_ports_are_those_of_the_settings_and_everything_names_them(folder: Path) -> None:
    metrics = int(variables_of(folder)["DIGITS_METRICS_PORT"])
    assert container_of(folder)["ports"] == [
        {"name": "http", "containerPort": Settings().port},
        {"name": "metrics", "containerPort": metrics},
    ]
    (rule,) = find(folder, "NetworkPolicy")["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == ["http", "metrics"]
    annotations = find(folder, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(metrics)
    assert annotations["prometheus.io/path"] == "/metrics"


def test_pod_answers_its_probes_and_gives_its_metrics_without_a_key() -> None:
    """In the service as the pod starts it: its variables, its ports, and API keys."""
    container = container_of(FOLDER / "base")
    probes = {container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    variables = variables_of(FOLDER / "base") | {
        "DIGITS_METRICS_PORT": str(free_port()),
        "DIGITS_API_KEYS_FILE": str(FOLDER / "example/api-keys.txt"),
    }
    with serving("--device", "cpu", **variables) as service:
        for path in probes:
            assert service.get(path)[0] == 200
        assert service.get("/models")[0] == 401
        metrics = f"http://127.0.0.1:{variables['DIGITS_METRICS_PORT']}/metrics"
        with urllib.request.urlopen(metrics, timeout=TIMEOUT_S) as scraped:
            assert b"# TYPE digits_run_seconds histogram" in scraped.read()


# --- the overlays -----------------------------------------------------------------------------------------------------


def test_gpu_overlay_asks_for_a_gpu_and_waits_for_none_to_spare() -> None:
    container = container_of(FOLDER / "gpu")
    assert container["image"] == "digits:gpu"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert find(FOLDER / "gpu", "Deployment")["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_configuration_in_the_example_has_a_name_for_each_content_and_pods_refer_to_it() -> None:
    folder = FOLDER / "example"
    settings, keys = settings_map(folder)["metadata"], find(folder, "Secret")["metadata"]
    for metadata in (settings, keys):
        assert re.fullmatch(r"digits(-keys)?-[a-z0-9]{10}", metadata["name"])
        assert metadata["annotations"] == {"argocd.argoproj.io/sync-options": "PruneLast=true"}
    assert container_of(folder)["envFrom"][0]["configMapRef"]["name"] == settings["name"]
    volumes = {volume["name"]: volume for volume in pod_of(folder)["volumes"]}
    assert volumes["keys"]["secret"]["secretName"] == keys["name"]
    claim = find(folder, "PersistentVolumeClaim")["metadata"]["name"]
    assert volumes["models"]["persistentVolumeClaim"] == {"claimName": claim, "readOnly": True}


def test_settings_in_the_example_are_settings() -> None:
    folder = FOLDER / "example"
    mounted = {mount["name"]: mount["mountPath"] for mount in container_of(folder)["volumeMounts"]}
    variables = variables_of(folder)
    assert variables["DIGITS_MODELS"] == mounted["models"]
    assert variables["DIGITS_API_KEYS_FILE"] == f"{mounted['keys']}/{next(iter(find(folder, 'Secret')['data']))}"
    for overlay in ("example", "canary"):
        names = variables_of(FOLDER / overlay) | settings_map(FOLDER / overlay)["data"]
        assert {name.removeprefix("DIGITS_").lower() for name in names} <= set(Settings.model_fields)


def settings_map(folder: Path) -> Document:
    """The ConfigMap of the service's variables."""
    (found,) = [
        document
        for document in rendered(folder)
        if document["kind"] == "ConfigMap" and all(name.startswith("DIGITS_") for name in document["data"])
    ]
    return found


def test_ingress_in_the_example_is_no_smaller_than_the_service() -> None:
    ingress = find(FOLDER / "example", "Ingress")
    annotations = ingress["metadata"]["annotations"]
    megabytes = int(annotations["nginx.ingress.kubernetes.io/proxy-body-size"].removesuffix("m"))
    assert megabytes * 2**20 >= Settings().max_body_bytes
    assert int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) > Settings().timeout_ms / 1000
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"] == find(FOLDER / "example", "Service")["metadata"]["name"]


def test_canary_gets_a_share_of_the_requests_and_serves_a_version_of_its_own() -> None:
    folder = FOLDER / "canary"
    ((stable, canary),) = [rule["backendRefs"] for rule in find(folder, "HTTPRoute")["spec"]["rules"]]
    assert stable["name"] == find(FOLDER / "base", "Service")["metadata"]["name"]
    assert canary["name"] == find(folder, "Service")["metadata"]["name"]
    assert stable["weight"] + canary["weight"] == 100
    (port,) = find(folder, "Service")["spec"]["ports"]
    assert stable["port"] == canary["port"] == port["port"]
    settings = settings_map(folder)
    assert container_of(folder)["envFrom"][0]["configMapRef"]["name"] == settings["metadata"]["name"]
    with serving("--device", "cpu", **settings["data"]) as service:
        (model,) = [model for model in service.get("/health")[1]["models"] if model["name"] == "digits"]
    assert settings["data"]["DIGITS_VERSION_POLICY"] == f"specific:{model['version']}"


def test_dashboard_is_found_by_grafanas_sidecar() -> None:
    """The component adds it, and takes away the annotation that would let a second scrape count everything twice."""
    folder = ROOT / "deploy/observability"
    example = yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text())
    assert (FOLDER / "example" / example["components"][0]).resolve() == folder
    dashboard = find(FOLDER / "example", "ConfigMap", "digits-dashboard")
    assert dashboard["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert dashboard["data"]["dashboard.json"] == (folder / "dashboard.json").read_text()
    annotations = find(FOLDER / "example", "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert "prometheus.io/scrape" not in annotations


def test_monitor_scrapes_the_pods_of_every_deployment_as_the_job_that_rules_ask_for() -> None:
    monitor = find(FOLDER / "example", "PodMonitor")["spec"]
    selected = monitor["selector"]["matchLabels"]
    for folder in VARIANTS:
        labels = find(folder, "Deployment")["spec"]["template"]["metadata"]["labels"]
        assert selected.items() <= labels.items()
        assert labels[monitor["jobLabel"]] == "digits"
    ports = [port["name"] for port in container_of(FOLDER / "example")["ports"]]
    assert monitor["podMetricsEndpoints"][0]["port"] in ports
