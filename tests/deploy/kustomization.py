"""Renders our kustomizations as `kubectl kustomize` does: resources, images and JSON patches are all they use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
KNOWN = {"apiVersion", "kind", "resources", "images", "patches"}


def rendered(folder: Path) -> list[Document]:
    """Every object that is applied to a cluster."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(kustomization) <= KNOWN, "a member that this renderer does not know"
    objects = [document for resource in kustomization["resources"] for document in objects_of(folder / resource)]
    for image in kustomization.get("images", []):
        retag(objects, image)
    for patch in kustomization.get("patches", []):
        (target,) = [document for document in objects if is_target(document, **patch["target"])]
        for operation in yaml.safe_load(patch["patch"]):
            apply(target, operation)
    return objects


def objects_of(resource: Path) -> list[Document]:
    return rendered(resource) if resource.is_dir() else list(yaml.safe_load_all(resource.read_text()))


def is_target(document: Document, kind: str, name: str) -> bool:
    return bool(document["kind"] == kind and document["metadata"]["name"] == name)


def retag(objects: list[Document], image: Document) -> None:
    for document in objects:
        for container in document["spec"].get("template", {}).get("spec", {}).get("containers", []):
            name, _, _ = container["image"].rpartition(":")
            if name == image["name"]:
                container["image"] = f"{name}:{image['newTag']}"


def apply(target: Any, operation: Document) -> None:
    """RFC 6902: add and replace."""
    *parents, last = [member.replace("~1", "/") for member in operation["path"].split("/")[1:]]
    for member in parents:
        target = target[int(member) if isinstance(target, list) else member]
    assert operation["op"] == "add" or last in target
    target[last] = operation["value"]
