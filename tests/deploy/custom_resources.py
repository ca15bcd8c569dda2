"""Checks objects of Kubernetes extensions against the types that their custom resource definitions give, strictly."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.conftest import ROOT
from tests.deploy.kustomization import Document

NODE_MODULES = ROOT / ".cache/javascript/node_modules"
PACKAGES = {  # by the API's group; each has a module for each version and kind
    "gateway.networking.k8s.io": "gateway-api",
    "keda.sh": "keda",
    "monitoring.coreos.com": "prometheus-operator",
}


def is_custom(document: Document) -> bool:
    return document["apiVersion"].partition("/")[0] in PACKAGES


def problems(documents: Iterable[Document], folder: Path) -> str:
    """What TypeScript's compiler reports: members that are unknown, missing or of another type. Uses the folder."""
    assert NODE_MODULES.exists(), "the types are not installed: make .cache/javascript/stamp"
    (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / "objects.ts").write_text("".join(declarations(documents)))
    options = ("--noEmit", "--strict", "--skipLibCheck", "--module", "preserve", "--moduleResolution", "bundler")
    command = ["node", "node_modules/typescript/lib/tsc.js", *options, "objects.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120).stdout


def declarations(documents: Iterable[Document]) -> Iterator[str]:
    """For each object the import of its type, and the object as a constant of that type."""
    for number, document in enumerate(documents):
        group, version = document["apiVersion"].split("/")
        kind = document["kind"]
        module = f"@kubernetes-models/{PACKAGES[group]}/{group}/{version}/{kind}"
        yield f"import type {{ I{kind} as I{number} }} from {json.dumps(module)};\n"
        yield f"export const object{number}: I{number} = {json.dumps(document)};\n"
