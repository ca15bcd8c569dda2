"""Which servers are compared on which request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import payloads
from benchmarks.payloads import Payload
from benchmarks.peer import InferenceLoop, Peer, Route
from benchmarks.peers import CNN_LOOP, MLP_LOOP, OURS, PEERS


@dataclass(frozen=True)
class Entry:
    """A server in a scenario, and the route it is measured on."""

    peer: Peer
    route_name: str  # a key of `peer.routes`
    label: str  # of its row in the results
    background_route: str = ""  # one more client sends large batches to it during the measurement; empty: none

    @property
    def route(self) -> Route:
        return self.peer.routes[self.route_name]


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    payloads: Callable[[], list[Payload]]
    entries: tuple[Entry, ...]
    clients: tuple[int, ...]  # numbers of connections, each measured separately
    loops: tuple[InferenceLoop, ...] = ()
    images: int = 1  # of one request
    workers: int = 1  # and cores of a server; one leaves the other core to the load generator
    metric: str = "per_second"  # the attribute of `Timing` whose ratios are reported: per_second or p99_ms

    @property
    def unit(self) -> str:
        return "requests/s" if self.images == 1 else "images/s"


def entries(route_name: str, *peer_names: str) -> tuple[Entry, ...]:
    """This service first, then the named peers, all on the same route; without names every peer that has the route."""
    names = peer_names or tuple(
        name for name, peer in PEERS.items() if route_name in peer.routes and peer.routes[route_name].parse
    )
    return tuple(Entry(PEERS[name], route_name, name) for name in dict.fromkeys((OURS.name, *names)))


# The route "png" of the constant has no parser, so it is named here.
PNG_ENTRIES = entries("png", "constant", *(entry.label for entry in entries("png")))

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("png", "One PNG of 28 x 28", payloads.small_pngs, PNG_ENTRIES, (1, 16, 64)),
        Scenario(
            "cores",
            "One PNG of 28 x 28, two cores and two workers",
            payloads.small_pngs,
            PNG_ENTRIES,
            (64,),
            workers=2,
        ),
        Scenario(
            "json",
            "64 images as JSON numbers",
            payloads.batches,
            (
                Entry(OURS, "json", "digits, V1"),
                Entry(OURS, "json-v2", "digits, V2"),
                *(entry for entry in entries("json") if entry.peer is not OURS and "OpenCV" not in entry.label),
            ),
            (8,),
            images=payloads.BATCH_SIZE,
        ),
        Scenario(
            "binary",
            "64 images as a binary tensor",
            payloads.batches,
            entries("binary", "mosec", "Ray Serve", "KServe"),
            (8,),
            (MLP_LOOP,),
            images=payloads.BATCH_SIZE,
        ),
        Scenario(
            "sheet",
            "One PNG of 280 x 280",
            payloads.sheets,
            entries("png", "tutorial", "mosec", "mosec-OpenCV"),
            (16,),
        ),
        Scenario(
            "cnn",
            "64 images as a binary tensor, the convolutional model",
            payloads.batches,
            (Entry(OURS, "binary-cnn", "digits"),),
            (8,),
            (CNN_LOOP,),
            images=payloads.BATCH_SIZE,
        ),
        Scenario(
            "large",
            "One PNG of 28 x 28 while another client sends 4,096 images",
            payloads.small_pngs,
            (
                Entry(OURS, "png", "digits, alone"),
                Entry(OURS, "png", "digits, beside 4,096", background_route="binary"),
                Entry(OURS, "png", "digits, beside 4,096 to the cnn", background_route="binary-cnn"),
            ),
            (4,),
            metric="p99_ms",
        ),
    )
}
