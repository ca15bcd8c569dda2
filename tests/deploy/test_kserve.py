"""KServe's own classes read our runtime and our service, and both fit what the service answers."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from app.server.server import LINGER_SECONDS
from app.settings import Settings
from tests.app.api.test_v1_clients import PYTHON
from tests.conftest import ROOT
from tests.deploy.kustomization import needs_kubectl, rendered
from tests.support.service import serving

FOLDER = ROOT / "deploy/kserve"
RUNTIME, INFERENCE = (
    yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in ("servingruntime", "inferenceservice")
)
(CONTAINER,) = RUNTIME["spec"]["containers"]
MODEL = INFERENCE["spec"]["predictor"]["model"]
NAME = INFERENCE["metadata"]["name"]


def problems(*objects: dict[str, Any]) -> list[str]:
    assert PYTHON.exists(), "KServe's client is not installed: make .cache/kserve/stamp"
    process = subprocess.run(
        [PYTHON, ROOT / "tests/deploy/kserve_types.py"],
        input=json.dumps(objects),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr
    found: list[str] = json.loads(process.stdout)
    return found


def test_objects_are_what_kserve_takes_and_wrong_ones_are_not() -> None:
    misspelt = INFERENCE | {"spec": {"predictor": {"model": {"modelFormats": "digits"}}}}
    (unknown, missing) = problems(RUNTIME, INFERENCE, misspelt)
    assert unknown == "InferenceService/spec/predictor/model/modelFormats is not known"
    assert missing.startswith("InferenceService/spec/predictor/model: ")


def test_service_uses_the_runtime() -> None:
    assert MODEL["runtime"] == RUNTIME["metadata"]["name"]
    assert MODEL["modelFormat"] in RUNTIME["spec"]["supportedModelFormats"]
    assert MODEL["protocolVersion"] in RUNTIME["spec"]["protocolVersions"]


def variables_of(container: dict[str, Any], *more: dict[str, str]) -> dict[str, Any]:
    """As KServe sets them: those of the InferenceService go before those of the runtime, and its name is filled in."""
    variables = {variable["name"]: variable["value"] for variable in (*container["env"], *more)}
    return {name: value.replace("{{.Name}}", NAME) for name, value in variables.items() if name != "DIGITS_PORT"}


def test_container_answers_kserves_probes_for_the_model_of_the_services_name() -> None:
    paths = [CONTAINER[f"{probe}Probe"]["httpGet"]["path"] for probe in ("readiness", "liveness")]
    variables = variables_of(CONTAINER) | {"DIGITS_MODELS": str(ROOT / "models")}  # where the image has them
    with serving("--device", "cpu", **variables) as service:
        for path in (*paths, f"/v2/models/{NAME}/ready"):
            assert service.get(path)[0] == 200


@pytest.mark.parametrize("folder", ["digits", "digits/7"], ids=["versions", "files of one version"])
def test_model_of_a_storage_uri_is_served_under_the_services_name(folder: str) -> None:
    """The files of s3://... are what KServe mounts at /mnt/models. The example is the one in the documents."""
    section = (ROOT / "docs/deployment.md").read_text().partition("## KServe")[2]
    model = yaml.safe_load(section.partition("```yaml")[2].partition("```")[0])["model"]
    assert problems(INFERENCE | {"spec": {"predictor": {"model": model}}}) == []
    variables = variables_of(CONTAINER, *model["env"])
    assert variables["DIGITS_MODELS"] == "/mnt/models"
    with serving("--device", "cpu", **variables | {"DIGITS_MODELS": str(ROOT / "models" / folder)}) as service:
        assert service.get(f"/v2/models/{NAME}/ready")[0] == 200
        assert service.get(f"/v1/models/{NAME}")[0] == 200


def test_port_is_said_and_not_left_to_the_variables_of_a_services_name() -> None:
    (port,) = CONTAINER["ports"]
    assert {"name": "DIGITS_PORT", "value": str(port["containerPort"])} in CONTAINER["env"]
    assert RUNTIME["spec"]["annotations"]["prometheus.kserve.io/port"] == str(port["containerPort"])


@needs_kubectl
def test_kustomization_makes_both() -> None:
    made = {document["kind"]: document for document in rendered(FOLDER)}
    assert made == {document["kind"]: document for document in (RUNTIME, INFERENCE)}


def test_pod_has_time_to_drain() -> None:
    """As an ordinary Deployment; under Knative, which refuses a grace period, the timeout is the grace period."""
    settings = Settings()
    drain = settings.drain_seconds + LINGER_SECONDS + settings.shutdown_seconds
    predictor = INFERENCE["spec"]["predictor"]
    assert INFERENCE["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "RawDeployment"
    assert predictor["terminationGracePeriodSeconds"] > drain
    assert predictor["timeout"] > drain
