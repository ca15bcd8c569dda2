"""What `kubectl kustomize` makes of our kustomizations: resources, images and JSON patches, which is all they use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
KNOWN = {"apiVersion", "kind", "resources", "images", "patches"}


def rendered(folder: Path) -> list[Document]:
    """Every object that is applied to a cluster."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(kustomization) <= KNOWN, "something that is not understood here"
    objects = [each for resource in kustomization["resources"] for each in objects_of(folder / resource)]
    for image in kustomization.get("images", []):
        retag(objects, image)
    for patch in kustomization.get("patches", []):
        (target,) = [each for each in objects if is_target(each, **patch["target"])]
        for operation in yaml.safe_load(patch["patch"]):
            apply(target, operation)
    return objects


def objects_of(resource: Path) -> list[Document]:
    return rendered(resource) if resource.is_dir() else list(yaml.safe_load_all(resource.read_text()))


def is_target(each: Document, kind: str, name: str) -> bool:
    return bool(each["kind"] == kind and each["metadata"]["name"] == name)


def retag(objects: list[Document], image: Document) -> None:
    for each in objects:
        for container in each["spec"].get("template", {}).get("spec", {}).get("containers", []):
            name, _, _ = container["image"].rpartition(":")
            if name == image["name"]:
                container["image"] = f"{name}:{image['newTag']}"


def apply(target: Any, operation: Document) -> None:
    """RFC 6902's add and replace."""
    *parents, last = [each.replace("~1", "/") for each in operation["path"].split("/")[1:]]
    for each in parents:
        target = target[int(each) if isinstance(target, list) else each]
    assert operation["op"] == "add" or last in target
    target[last] = operation["value"]
