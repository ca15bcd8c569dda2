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
def test_each_image_is_served_with_no_right_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert re.search(rf"^FROM runtime AS {service['build']['target']}$", DOCKERFILE, re.MULTILINE)
    assert (ROOT / "deploy" / service["build"]["context"] / "Dockerfile").exists()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["ports"][0].endswith(f":{Settings().port}")


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_each_has_time_to_drain(name: str) -> None:
    grace = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().drain_seconds + Settings().shutdown_seconds


def test_gpu_is_used_only_where_it_is_asked_for() -> None:
    assert SERVICES["gpu"]["profiles"] == ["gpu"]
    assert "profiles" not in SERVICES["cpu"]
