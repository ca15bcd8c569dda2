"""Which versions a policy includes."""

from __future__ import annotations

import pytest

from app.repository.version_policy import VersionPolicy


@pytest.mark.parametrize(
    ("policy", "served"),
    [("all", [10, 2, 1]), ("latest:1", [10]), ("latest:2", [10, 2]), ("latest:9", [10, 2, 1]), ("specific:1,3", [1])],
)
def test_policy_includes_the_versions_it_names(policy: str, served: list[int]) -> None:
    chosen: list[int] = []
    for version in (10, 2, 1):
        if VersionPolicy.parse(policy).includes(version, newer=len(chosen)):
            chosen.append(version)
    assert chosen == served
