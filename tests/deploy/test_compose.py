"""compose.yaml runs the images that the Dockerfile makes, hardened, and stops them gently."""

from __future__ import annotations

import re

import pytest
import yaml

from app.settings import Settings
from tests.conftest import ROOT

SERVICES = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_each_image_is_one_that_the_dockerfile_makes(name: str) -> None:
    service = SERVICES[name]
    assert re.search(rf"^FROM runtime AS {service['build']['target']}$", DOCKERFILE, re.MULTILINE)
    assert (ROOT / "deploy" / service["build"]["context"] / "Dockerfile").exists()
    assert service["ports"][0].endswith(f":{Settings().port}")


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_each_has_time_to_drain(name: str) -> None:
    grace = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().drain_seconds + Settings().shutdown_seconds


def test_what_is_started_by_default_is_the_service_on_the_cpu() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["cpu"]
    assert SERVICES["gpu"]["profiles"] == ["gpu"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_has_a_right_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_settings_come_from_a_file_that_need_not_exist(name: str) -> None:
    assert SERVICES[name]["env_file"] == [{"path": "digits.env", "required": False}]
    assert {name.removeprefix("DIGITS_").lower() for name in SERVICES[name]["environment"]} <= set(
        Settings.model_fields
    )


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_images_of_others_have_an_exact_version_and_are_reached_from_this_machine_alone(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+$", SERVICES[name]["image"])
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])
