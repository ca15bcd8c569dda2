from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accuracy import check_accuracy
from benchmarks.peer import NotComparable
from tests.support.fake_peer import fake_peer, labelled_payloads, serve


def test_server_that_reads_other_digits_is_refused(tmp_path: Path) -> None:
    peer = fake_peer(tmp_path / "server.py", shift=1)
    route = peer.routes["binary"]
    with serve(peer) as server:
        server.wait_until_ready(route.build(labelled_payloads()[0]))
        with pytest.raises(NotComparable, match=r"accuracy is only 0\.0%"):
            check_accuracy(server.port, route, labelled_payloads())
