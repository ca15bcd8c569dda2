"""What is compared with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import digits
from benchmarks.digits import Question
from benchmarks.peer import Loop, Peer, Route
from benchmarks.peers import CNN_LOOP, MLP_LOOP, OURS, PEERS


@dataclass(frozen=True)
class Entry:
    """A server in a scenario, and how it is asked. `beside`: what one more client asks of it all the while."""

    peer: Peer
    route: str
    label: str
    beside: str = ""

    @property
    def asked(self) -> Route:
        return self.peer.routes[self.route]


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    questions: Callable[[], list[Question]]
    entries: tuple[Entry, ...]
    clients: tuple[int, ...]
    loops: tuple[Loop, ...] = ()
    images: int = 1  # in a request
    workers: int = 1  # and cores; with one the load generator has the other core to itself
    by: str = "per_second"  # or p99_ms: what ratios are made of

    @property
    def unit(self) -> str:
        return "requests/s" if self.images == 1 else "images/s"


def entries(route: str, *names: str) -> tuple[Entry, ...]:
    """Ours and those of that name, each asked by the route; without names all that have it."""
    wanted = names or tuple(name for name, peer in PEERS.items() if route in peer.routes and peer.routes[route].read)
    return tuple(Entry(PEERS[name], route, name) for name in dict.fromkeys((OURS.name, *wanted)))


EVERYONE = ("constant", *(entry.label for entry in entries("png")))

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("png", "One PNG of 28 x 28", digits.pictures, entries("png", *EVERYONE), (1, 16, 64)),
        Scenario(
            "cores",
            "One PNG of 28 x 28, two cores and two workers",
            digits.pictures,
            entries("png", *EVERYONE),
            (64,),
            workers=2,
        ),
        Scenario(
            "json",
            "64 images as JSON numbers",
            digits.batches,
            (
                Entry(OURS, "json", "digits, V1"),
                Entry(OURS, "json-v2", "digits, V2"),
                *(entry for entry in entries("json") if entry.peer is not OURS and "OpenCV" not in entry.label),
            ),
            (8,),
            images=digits.BATCH,
        ),
        Scenario(
            "binary",
            "64 images as a binary tensor",
            digits.batches,
            entries("binary", "mosec", "Ray Serve", "KServe"),
            (8,),
            (MLP_LOOP,),
            images=digits.BATCH,
        ),
        Scenario(
            "sheet",
            "One PNG of 280 x 280",
            digits.sheets,
            entries("png", "tutorial", "mosec", "mosec-OpenCV"),
            (16,),
        ),
        Scenario(
            "cnn",
            "64 images as a binary tensor, the convolutional model",
            digits.batches,
            (Entry(OURS, "binary-cnn", "digits"),),
            (8,),
            (CNN_LOOP,),
            images=digits.BATCH,
        ),
        Scenario(
            "large",
            "One PNG of 28 x 28 beside requests of 4,096 images",
            digits.pictures,
            (
                Entry(OURS, "png", "digits, alone"),
                Entry(OURS, "png", "digits, beside 4,096", beside="binary"),
                Entry(OURS, "png", "digits, beside 4,096 to the cnn", beside="binary-cnn"),
            ),
            (4,),
            by="p99_ms",
        ),
    )
}
