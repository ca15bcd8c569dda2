"""The images' software bills of materials."""

from __future__ import annotations

import importlib.metadata
import json
from typing import Any

import pytest
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from deploy.sbom import REQUIREMENTS, sbom
from tests.conftest import ROOT

PACKAGE_LOCK = json.loads((REQUIREMENTS / "browser/package-lock.json").read_text())


def locked(image: str) -> dict[NormalizedName, tuple[str, str]]:
    """Version and first hash of each package of the image's lock, for Python 3.11 on Linux."""
    text = (REQUIREMENTS / f"{image}.txt").read_text().replace("\\\n", " ")
    environment = {
        "python_version": "3.11",
        "python_full_version": "3.11.9",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    packages: dict[NormalizedName, tuple[str, str]] = {}
    for line in text.splitlines():
        if line and line[0].isalnum():
            requirement, *hashes = line.split(" --hash=sha256:")
            parsed = Requirement(requirement)
            if parsed.marker is None or parsed.marker.evaluate(environment):
                version = next(iter(parsed.specifier)).version
                packages[canonicalize_name(parsed.name)] = (version, hashes[0].strip())
    return packages


def report(image: str) -> dict[str, Any]:
    """As pip's, with the metadata of the packages that are installed here, without a look at the index."""
    installed: dict[NormalizedName, dict[str, Any]] = {
        canonicalize_name(found.name): found.metadata.json for found in importlib.metadata.distributions()
    }
    return {
        "install": [
            {
                "metadata": {"license": "MIT"} | installed.get(name, {}) | {"name": name, "version": version},
                "download_info": {"archive_info": {"hashes": {"sha256": digest}}},
            }
            for name, (version, digest) in locked(image).items()
        ]
    }


@pytest.fixture(params=["cpu", "gpu"])
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    text = JsonV1Dot6(sbom(request.param, report(request.param), PACKAGE_LOCK)).output_as_string()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_it_lists_what_the_lock_installs_and_what_the_browser_gets(document: dict[str, Any]) -> None:
    image = document["metadata"]["component"]["name"].removeprefix("digits-")
    purls = {component["purl"] for component in document["components"]}
    expected = {f"pkg:pypi/{name}@{version}" for name, (version, _) in locked(image).items()}
    assert {purl for purl in purls if purl.startswith("pkg:pypi/")} == expected
    browser = json.loads((REQUIREMENTS / "browser/package.json").read_text())["dependencies"]
    for name, version in browser.items():  # onnxruntime-web and OpenCV.js
        assert f"pkg:npm/{name.replace('@', '%40')}@{version}" in purls


def test_every_component_has_a_licence_and_the_hash_of_the_lock(document: dict[str, Any]) -> None:
    for component in document["components"]:
        assert component["licenses"], component["name"]
        (digest,) = component["hashes"]
        assert len(digest["content"]) == {"SHA-256": 64, "SHA-512": 128}[digest["alg"]]


def test_licences_are_spdx_expressions_where_packages_have_one(document: dict[str, Any]) -> None:
    licenses = {component["name"]: component["licenses"][0] for component in document["components"]}
    assert licenses["numpy"]["expression"].startswith("BSD-3-Clause AND")
    assert licenses["pysimdjson"]["license"] == {"id": "MIT"}
    assert licenses["onnxruntime-web"]["license"] == {"id": "MIT"}


def test_images_contain_their_sbom() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for image in ("cpu", "gpu"):
        assert f"RUN python /tmp/deploy/sbom.py {image} " in dockerfile
        assert f"COPY --from=sbom-{image} /opt/sbom.cdx.json /srv/digits/" in dockerfile
