"""Rounds in which every server is measured once, on the same cores."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks import environments, payloads, wrk
from benchmarks.accuracy import check_accuracy
from benchmarks.http import write_requests
from benchmarks.peer import PEERS_FOLDER, InferenceLoop, NotComparable, Peer
from benchmarks.progress import Progress
from benchmarks.results import Results, Row
from benchmarks.scenario import Entry, Scenario
from benchmarks.server import Server
from benchmarks.wrk import Load, Timing

WARM_UP_SECONDS = 1  # of load before each measurement
BACKGROUND_MARGIN = 3  # seconds by which the background load is longer, so that it covers the whole measurement


@dataclass
class ScenarioRun:
    """One scenario while it is measured: its running servers, its request files and its rows."""

    scenario: Scenario
    folder: Path  # of the request files
    rows: dict[tuple[str, int], Row]  # by label and number of clients
    servers: dict[str, Server] = field(default_factory=dict)  # by the peer's name; those that were started

    @property
    def server_cores(self) -> str:
        return self._cores()[0]

    @property
    def load_cores(self) -> str:
        return self._cores()[1]

    def _cores(self) -> tuple[str, str]:
        """Of the servers and of the load generator; they share both cores if the servers have two workers."""
        first, second, *_ = map(str, sorted(os.sched_getaffinity(0)))
        return (first, second) if self.scenario.workers == 1 else (f"{first},{second}", f"{first},{second}")

    def requests_file(self, entry: Entry, route_name: str) -> Path:
        return self.folder / f"{entry.peer.name}-{route_name}.requests".replace(" ", "-")

    def exclude(self, label: str, reason: str) -> None:
        for clients in self.scenario.clients:
            self.rows[label, clients].exclusion = reason


def run_scenario(scenario: Scenario, results: Results, progress: Progress) -> None:
    """Measures the scenario and adds its rows to the results. Every server is stopped at the end, after an error too.

    The first server of a round changes from round to round, so that none always follows the same one.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        run = ScenarioRun(scenario, Path(folder), make_rows(scenario))
        results.rows += run.rows.values()
        start_servers(run, stack, progress)
        targets: list[Entry | InferenceLoop] = [*scenario.entries, *scenario.loops]
        for round_index in range(results.rounds):
            first = round_index % len(targets)
            for clients in scenario.clients:
                for target in targets[first:] + targets[:first]:
                    label = target.name if isinstance(target, InferenceLoop) else target.label
                    progress.start_measurement(f"{scenario.name}, round {round_index + 1}, {clients} clients: {label}")
                    measure(run, target, run.rows[label, clients], results.seconds)


def make_rows(scenario: Scenario) -> dict[tuple[str, int], Row]:
    rows = {}
    for clients in scenario.clients:
        row = Row(scenario.name, clients, "", scenario.unit, scenario.images)
        for entry in scenario.entries:
            peer, ours = entry.peer, not entry.peer.folder
            rows[entry.label, clients] = replace(
                row, label=entry.label, setup=peer.setup, upper_bound=peer.upper_bound, ours=ours, timings=[]
            )
        for loop in scenario.loops:
            rows[loop.name, clients] = replace(row, label=loop.name, setup=loop.setup, upper_bound=True, timings=[])
    return rows


def participants(scenarios: list[Scenario]) -> dict[str, Peer | InferenceLoop]:
    """The servers and loops of the scenarios, by name."""
    found: dict[str, Peer | InferenceLoop] = {}
    for scenario in scenarios:
        found |= {entry.peer.name: entry.peer for entry in scenario.entries}
        found |= {loop.name: loop for loop in scenario.loops}
    return found


# --- before the first round ---


def start_servers(run: ScenarioRun, stack: ExitStack, progress: Progress) -> None:
    """Starts the servers one by one and checks each entry; entries that fail get the reason in their rows."""
    failed: dict[str, NotComparable] = {}  # servers that did not start, by the peer's name
    for entry in run.scenario.entries:
        progress.show(f"{run.scenario.name}: starting and checking {entry.label}")
        try:
            if entry.peer.name in failed:
                raise failed[entry.peer.name]
            if entry.peer.name not in run.servers:
                start_server(run, entry, stack)
            check_entry(run, entry)
        except NotComparable as error:
            if entry.peer.name not in run.servers:
                failed[entry.peer.name] = error
            progress.note(f"{run.scenario.name}: {entry.label} is left out: {error}")
            run.exclude(entry.label, str(error))


def start_server(run: ScenarioRun, entry: Entry, stack: ExitStack) -> None:
    """Leaves the server suspended. Raises `NotComparable` if it does not become ready."""
    peer, scenario = entry.peer, run.scenario
    python = environments.install(peer)
    server = stack.enter_context(Server(peer, python, scenario.workers, entry.route_name, run.server_cores))
    try:
        candidates = payloads.small_pngs() if peer.readiness_route == "png" else scenario.payloads()
        server.wait_until_ready(peer.routes[peer.readiness_route or entry.route_name].build(candidates[0]))
    finally:
        server.suspend()
    run.servers[peer.name] = server


def check_entry(run: ScenarioRun, entry: Entry) -> None:
    """Checks the accuracy on the entry's routes and writes their request files. Raises `NotComparable`."""
    sent = run.scenario.payloads()
    with resumed(run.servers[entry.peer.name]) as server:
        accuracy = check_accuracy(server.port, entry.route, sent)
        write_requests(map(entry.route.build, sent), run.requests_file(entry, entry.route_name))
        if entry.background_route:
            route, large = entry.peer.routes[entry.background_route], payloads.large_batches()
            check_accuracy(server.port, route, large)
            write_requests(map(route.build, large), run.requests_file(entry, entry.background_route))
    for clients in run.scenario.clients:
        run.rows[entry.label, clients].accuracy = accuracy if entry.route.parse else None


@contextmanager
def resumed(server: Server) -> Iterator[Server]:
    """The server runs within the block and is suspended after it."""
    server.resume()
    try:
        yield server
    finally:
        server.suspend()


# --- one measurement ---


def measure(run: ScenarioRun, target: Entry | InferenceLoop, row: Row, seconds: int) -> None:
    """Adds a timing to the row; a target that fails is excluded from then on, without its earlier timings."""
    if row.exclusion:
        return
    try:
        if isinstance(target, InferenceLoop):
            row.timings.append(measure_loop(run, target, row, seconds))
        else:
            row.timings.append(measure_server(run, target, row.clients, seconds))
    except NotComparable as error:
        row.exclusion = str(error)
        row.timings.clear()


def measure_server(run: ScenarioRun, entry: Entry, clients: int, seconds: int) -> Timing:
    """Raises `NotComparable` if the server or its background load does not respond."""
    requests_file, cores = run.requests_file(entry, entry.route_name), run.load_cores
    with resumed(run.servers[entry.peer.name]) as server:
        # Ray's daemons need a moment to reconnect after they were suspended.
        server.wait_until_ready(entry.route.build(run.scenario.payloads()[0]))
        wrk.measure(server.port, requests_file, Load(clients, WARM_UP_SECONDS, cores))
        load = Load(clients, seconds, cores)
        if not entry.background_route:
            return wrk.measure(server.port, requests_file, load)
        background_load = Load(1, seconds + BACKGROUND_MARGIN, cores)
        with wrk.start(server.port, run.requests_file(entry, entry.background_route), background_load) as process:
            timing = wrk.measure(server.port, requests_file, load)
            background = wrk.parse(process.communicate()[0])
    if not background.requests:
        raise NotComparable("no large request was answered during the measurement")
    return replace(timing, errors={**timing.errors, "beside": background.failed})


def measure_loop(run: ScenarioRun, loop: InferenceLoop, row: Row, seconds: int) -> Timing:
    """Sets the row's accuracy too. Raises `NotComparable` if the loop fails."""
    batches = run.scenario.payloads()
    file = run.folder / "batches.npz"
    np.savez(file, images=[batch.images for batch in batches], labels=[batch.labels for batch in batches])
    command: list[str | Path] = ["taskset", "-c", run.server_cores, environments.install(loop)]
    command += [PEERS_FOLDER / loop.folder / "loop.py", loop.model, file, str(seconds)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    if completed.returncode:
        raise NotComparable(f"the loop failed: {completed.stderr.strip().splitlines()[-1]}")
    report = json.loads(completed.stdout)
    row.accuracy = report.pop("accuracy")
    return Timing(**report)
