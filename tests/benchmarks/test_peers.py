from __future__ import annotations

import re

import pytest

from benchmarks.measurement import participants
from benchmarks.peer import PEERS_FOLDER, InferenceLoop, Peer
from benchmarks.scenario import SCENARIOS

INSTALLED = [peer for peer in participants(list(SCENARIOS.values())).values() if peer.folder]


@pytest.mark.parametrize("peer", INSTALLED, ids=lambda peer: str(peer.name))
def test_every_peer_has_exact_versions_of_its_reported_packages(peer: Peer | InferenceLoop) -> None:
    lines = (PEERS_FOLDER / peer.folder / "requirements.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", line) for line in lines)
    assert set(peer.packages) <= {re.split(r"[\[=]", line)[0] for line in lines}
