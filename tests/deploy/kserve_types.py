"""Reads KServe's objects, as JSON on stdin, into the classes of KServe's own client, and reports what they do not know.

It runs in an environment of its own (make .cache/kserve/stamp).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import kserve.models  # type: ignore[import-not-found]
import kubernetes.client  # type: ignore[import-not-found]

CLASSES = {**vars(kubernetes.client), **vars(kserve.models)}


def problems(value: Any, kind: str, where: str) -> Iterator[str]:
    """Members that the class does not have, and values that it refuses."""
    if inner := re.fullmatch(r"(?:list\[|dict\(str, )(.+)[\])]", kind):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from problems(item, inner[1], f"{where}/{key}")
    elif isinstance(value, dict) and (cls := CLASSES.get(kind)):
        yield from problems_of_object(value, cls, where)


def problems_of_object(value: dict[str, Any], cls: Any, where: str) -> Iterator[str]:
    attributes = {member: attribute for attribute, member in cls.attribute_map.items()}
    for member, item in value.items():
        if member not in attributes:
            yield f"{where}/{member} is not known"
        else:
            yield from problems(item, cls.openapi_types[attributes[member]], f"{where}/{member}")
    try:
        cls(**{attributes[member]: item for member, item in value.items() if member in attributes})
    except (TypeError, ValueError) as error:
        yield f"{where}: {error}"


def class_of(document: dict[str, Any]) -> str:
    version = document["apiVersion"].rpartition("/")[2]
    return f"{version[0].upper()}{version[1:]}{document['kind']}"


if __name__ == "__main__":
    found = [
        text for document in json.load(sys.stdin) for text in problems(document, class_of(document), document["kind"])
    ]
    print(json.dumps(found))
