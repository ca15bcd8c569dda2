"""What is applied to a cluster is valid, says what the service does, and gives it no right that it does not need."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from app.server.server import LINGER_SECONDS
from app.settings import Settings
from tests.conftest import ROOT
from tests.deploy.kustomization import Document, rendered
from tests.support.service import serving

FOLDER = ROOT / "deploy/kubernetes"
VARIANTS = [FOLDER / "base", FOLDER / "gpu"]
KINDS = ("Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy")

in_both = pytest.mark.parametrize("folder", VARIANTS, ids=lambda folder: folder.name)


def find(folder: Path, kind: str) -> Document:
    (found,) = [document for document in rendered(folder) if document["kind"] == kind]
    return found


def pod_of(folder: Path) -> Document:
    pod: Document = find(folder, "Deployment")["spec"]["template"]["spec"]
    return pod


def container_of(folder: Path) -> Document:
    (container,) = pod_of(folder)["containers"]
    found: Document = container
    return found


@in_both
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_objects_are_what_kubernetes_takes(folder: Path, version: str) -> None:
    """Strictly: a misspelt member, which a cluster would drop, is an error."""
    objects = rendered(folder)
    assert tuple(document["kind"] for document in objects) == KINDS
    for document in objects:
        kubernetes_validate.validate(document, version, strict=True)


@in_both
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kubectl_makes_the_same_of_it(folder: Path) -> None:
    made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True, timeout=60).stdout
    theirs = {document["kind"]: document for document in yaml.safe_load_all(made)}
    assert theirs == {document["kind"]: document for document in rendered(folder)}


@in_both
def test_everything_selects_the_pods(folder: Path) -> None:
    labels = find(folder, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert find(folder, "Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert find(folder, "Service")["spec"]["selector"] == labels
    assert find(folder, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert find(folder, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    assert pod_of(folder)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == labels
    assert find(folder, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "digits"


@in_both
def test_pods_have_no_right_they_do_not_need(folder: Path) -> None:
    pod = pod_of(folder)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert f"USER {user}" in (ROOT / "Dockerfile").read_text()
    assert container_of(folder)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert find(folder, "NetworkPolicy")["spec"]["egress"] == []


@in_both
def test_pods_are_given_time_to_drain(folder: Path) -> None:
    settings = Settings()
    drain = settings.drain_seconds + LINGER_SECONDS + settings.shutdown_seconds
    assert pod_of(folder)["terminationGracePeriodSeconds"] > drain


@in_both
def test_variables_of_a_services_name_do_not_become_settings(folder: Path) -> None:
    assert find(folder, "Service")["metadata"]["name"] == "digits"
    assert pod_of(folder)["enableServiceLinks"] is False


def test_gpu_overlay_asks_for_a_gpu_and_waits_for_none_to_spare() -> None:
    container = container_of(FOLDER / "gpu")
    assert container["image"] == "digits:gpu"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert find(FOLDER / "gpu", "Deployment")["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_probes_and_figures_are_where_they_are_looked_for() -> None:
    """In the service as the pod starts it: its variables, its port."""
    container = container_of(FOLDER / "base")
    probes = {container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    (metric,) = find(FOLDER / "gpu", "HorizontalPodAutoscaler")["spec"]["metrics"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    with serving("--device", "cpu", **variables) as service:
        for path in probes:
            assert service.get(path)[0] == 200
        exposition = subprocess.run(["curl", "-s", service.address + "/metrics"], capture_output=True, check=True)
        assert f"# TYPE {metric['pods']['metric']['name']} gauge".encode() in exposition.stdout
    assert container["ports"] == [{"name": "http", "containerPort": Settings().port}]
    annotations = find(FOLDER / "base", "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(Settings().port)
    assert annotations["prometheus.io/path"] == "/metrics"
