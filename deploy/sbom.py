"""The software bill of materials (SBOM) of an image: CycloneDX 1.6 in JSON.

    make sbom                               # both images, into sbom/
    python deploy/sbom.py cpu > cpu.cdx.json

It lists the Python packages that the image's lock installs and the npm packages of the page's runtime, each with its
version, package URL, licence and the hash that the lock demands. pip reads the packages' metadata and downloads none.
The packages of the base image are its publisher's to list.

Runs in an environment of its own, requirements/sbom.txt: only a recent pip reports licence expressions (PEP 639).
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
PYTHON_VERSION = "3.11"  # of the images
# Licences that are missing in the metadata: in the package's LICENSE, and of the packages that a package stands for.
NOT_IN_METADATA = {"pysimdjson": "MIT", "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary"}
PLATFORMS = ("manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, 37)))  # of their Debian, which has 2.36


def sbom(image: str, report: dict[str, Any], package_lock: dict[str, Any]) -> Bom:
    """`report`: of pip install --report; `package_lock`: npm's package-lock.json."""
    bom = Bom()
    root = Component(name=f"digits-{image}", type=ComponentType.CONTAINER)
    bom.metadata.component = root
    bom.components.update(python_components(report))
    bom.components.update(browser_components(package_lock))
    bom.register_dependency(root, bom.components)
    return bom


def python_components(report: dict[str, Any]) -> Iterator[Component]:
    for package in report["install"]:
        metadata, digests = package["metadata"], package["download_info"]["archive_info"]["hashes"]
        name, version = metadata["name"].lower().replace("_", "-"), metadata["version"]
        yield Component(
            name=name,
            version=version,
            purl=PackageURL("pypi", None, name, version),
            licenses=python_licenses(name, metadata),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digests["sha256"])],
        )


def python_licenses(name: str, metadata: dict[str, Any]) -> list[License]:
    """An SPDX expression, or the package's own words where it has none."""
    words = [metadata.get("license_expression", ""), metadata.get("license", "").partition("\n")[0]]
    words += [text.split(" :: ")[-1] for text in metadata.get("classifier", []) if text.startswith("License :: ")]
    text = next(filter(None, words), None) or NOT_IN_METADATA.get(name)
    return [LicenseFactory().make_from_string(text)] if text else []


def browser_components(package_lock: dict[str, Any]) -> Iterator[Component]:
    for path, package in package_lock["packages"].items():
        if not path:  # the project itself
            continue
        group, _, name = path.removeprefix("node_modules/").rpartition("/")
        bits, _, digest = package["integrity"].removeprefix("sha").partition("-")
        yield Component(
            group=group or None,
            name=name,
            version=package["version"],
            purl=PackageURL("npm", group or None, name, package["version"]),
            licenses=[LicenseFactory().make_from_string(package["license"])],
            hashes=[HashType(alg=HashAlgorithm[f"SHA_{bits}"], content=base64.b64decode(digest).hex())],
        )


def pip_report(lock: Path, machine: str) -> dict[str, Any]:
    """What pip would install from the lock in the images."""
    options = [
        "--disable-pip-version-check",
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    options += ["--python-version", PYTHON_VERSION, "--target", tempfile.gettempdir()]  # required with --platform
    options += [f"--platform={name}_{machine}" for name in reversed(PLATFORMS)]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options, "--report", "-", "-r", str(lock)]
    report: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description="The SBOM of an image, in CycloneDX's JSON, on standard output.")
    parser.add_argument("image", choices=("cpu", "gpu"))
    parser.add_argument("--machine", default="x86_64", help="x86_64 or aarch64")
    arguments = parser.parse_args()
    package_lock = json.loads((REQUIREMENTS / "browser/package-lock.json").read_text())
    bom = sbom(arguments.image, pip_report(REQUIREMENTS / f"{arguments.image}.txt", arguments.machine), package_lock)
    print(JsonV1Dot6(bom).output_as_string(indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
