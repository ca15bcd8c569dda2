"""Reads KServe's objects, as JSON on stdin, into the classes of KServe's own client, and names what they do not know.

It is run by the Python of an environment of its own (make .cache/kserve/stamp).
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
    """Members that the class has not, and values that it refuses."""
    if inner := re.fullmatch(r"(?:list\[|dict\(str, )(.+)[\])]", kind):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from problems(each, inner[1], f"{where}/{key}")
    elif isinstance(value, dict) and (cls := CLASSES.get(kind)):
        yield from problems_of_object(value, cls, where)


def problems_of_object(value: dict[str, Any], cls: Any, where: str) -> Iterator[str]:
    attributes = {member: attribute for attribute, member in cls.attribute_map.items()}
    for member, each in value.items():
        if member not in attributes:
            yield f"{where}/{member} is not known"
        else:
            yield from problems(each, cls.openapi_types[attributes[member]], f"{where}/{member}")
    try:
        cls(**{attributes[member]: each for member, each in value.items() if member in attributes})
    except (TypeError, ValueError) as error:
        yield f"{where}: {error}"


def class_of(each: dict[str, Any]) -> str:
    version = each["apiVersion"].rpartition("/")[2]
    return f"{version[0].upper()}{version[1:]}{each['kind']}"


if __name__ == "__main__":
    objects = json.load(sys.stdin)
    print(json.dumps([text for each in objects for text in problems(each, class_of(each), each["kind"])]))
