from __future__ import annotations

import re

import pytest

from benchmarks import measure
from benchmarks.peer import PEERS as FOLDER
from benchmarks.peer import Loop, Peer
from benchmarks.scenario import SCENARIOS

EVERYONE = measure.who(list(SCENARIOS.values()))


@pytest.mark.parametrize("peer", [each for each in EVERYONE.values() if each.folder], ids=lambda peer: str(peer.name))
def test_every_peer_has_exact_versions_of_what_it_tells(peer: Peer | Loop) -> None:
    lines = (FOLDER / peer.folder / "requirements.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", line) for line in lines)
    assert set(peer.packages) <= {re.split(r"[\[=]", line)[0] for line in lines}


def test_every_scenario_asks_by_routes_that_there_are() -> None:
    for scenario in SCENARIOS.values():
        for entry in scenario.entries:
            assert {entry.route, entry.beside or entry.route} <= entry.peer.routes.keys()


def test_every_scenario_has_ours_and_something_beside() -> None:
    for scenario in SCENARIOS.values():
        assert not scenario.entries[0].peer.folder
        assert len(scenario.entries + scenario.loops) > 1
