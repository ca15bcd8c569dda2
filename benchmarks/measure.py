"""Rounds, in each of which every server takes its turn, on the same cores."""

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

from benchmarks import check, digits, install, wrk
from benchmarks.http import write_requests
from benchmarks.peer import PEERS, Loop, NoComparison, Peer
from benchmarks.progress import Progress
from benchmarks.results import Results, Row
from benchmarks.scenario import Entry, Scenario
from benchmarks.server import Server
from benchmarks.wrk import Load, Timing

WARM_UP = 1  # seconds before each timing
BETWEEN = 3  # spare seconds of the load beside, so that it outlasts what it stands beside


@dataclass
class Contest:
    """One scenario being measured: whoever passed the check, and what each is asked."""

    scenario: Scenario
    folder: Path
    servers: dict[str, Server] = field(default_factory=dict)  # by the peer's name
    rows: dict[tuple[str, int], Row] = field(default_factory=dict)  # by label and clients

    @property
    def cores(self) -> tuple[str, str]:
        """The servers' and the load generator's. With more workers they share, for there are no more cores."""
        first, second, *_ = map(str, sorted(os.sched_getaffinity(0)))
        return (first, second) if self.scenario.workers == 1 else (f"{first},{second}", f"{first},{second}")

    def requests(self, entry: Entry, route: str) -> Path:
        return self.folder / f"{entry.peer.name}-{route}.requests".replace(" ", "-")


def run(scenario: Scenario, results: Results, progress: Progress) -> None:
    """Adds the scenario's rows to the results. Whatever happens, no server outlives this."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        contest = Contest(scenario, Path(folder))
        contest.rows = make_rows(scenario)
        results.rows += contest.rows.values()
        prepare(contest, stack, progress)
        for number in range(results.rounds):
            for clients in scenario.clients:
                # Each round begins with another one: none is always measured after the same neighbour.
                turns: list[Entry | Loop] = [*scenario.entries, *scenario.loops]
                turns = turns[number % len(turns) :] + turns[: number % len(turns)]
                for turn in turns:
                    label = turn.name if isinstance(turn, Loop) else turn.label
                    progress.step(f"{scenario.name}, round {number + 1}, {clients} clients: {label}")
                    take(contest, turn, contest.rows[label, clients], results.seconds)


def make_rows(scenario: Scenario) -> dict[tuple[str, int], Row]:
    rows = {}
    for clients in scenario.clients:
        row = Row(scenario.name, clients, "", scenario.unit, scenario.images)
        for entry in scenario.entries:
            peer, ours = entry.peer, not entry.peer.folder
            rows[entry.label, clients] = replace(
                row, label=entry.label, setup=peer.setup, limit=peer.limit, ours=ours, timings=[]
            )
        for loop in scenario.loops:
            rows[loop.name, clients] = replace(row, label=loop.name, setup=loop.setup, limit=True, timings=[])
    return rows


# --- before the first round ---


def prepare(contest: Contest, stack: ExitStack, progress: Progress) -> None:
    """Starts the servers one by one and checks each entry; those that fail stay out, with the reason in their rows."""
    failed: dict[str, NoComparison] = {}  # to start, by the peer's name
    for entry in contest.scenario.entries:
        progress.say(f"{contest.scenario.name}: starting and checking {entry.label}")
        try:
            if entry.peer.name in failed:
                raise failed[entry.peer.name]
            if entry.peer.name not in contest.servers:
                start(contest, entry, stack)
            admit(contest, entry)
        except NoComparison as error:
            if entry.peer.name not in contest.servers:
                failed[entry.peer.name] = error
            reason = str(error)
            progress.note(f"{contest.scenario.name}: {entry.label} is left out: {reason}")
            for clients in contest.scenario.clients:
                contest.rows[entry.label, clients].refused = reason


def start(contest: Contest, entry: Entry, stack: ExitStack) -> None:
    """Leaves it frozen, ready or not."""
    peer, scenario = entry.peer, contest.scenario
    python = install.python_of(peer)
    server = stack.enter_context(Server(peer, python, scenario.workers, entry.route, contest.cores[0]))
    try:
        questions = digits.pictures() if peer.ready == "png" else scenario.questions()
        server.wait_until_ready(peer.routes[peer.ready or entry.route].ask(questions[0]))
    finally:
        server.freeze()
    contest.servers[peer.name] = server


def admit(contest: Contest, entry: Entry) -> None:
    questions = contest.scenario.questions()
    with awake(contest.servers[entry.peer.name]) as server:
        share = check.accuracy(server.port, entry.asked, questions)
        write_requests(map(entry.asked.ask, questions), contest.requests(entry, entry.route))
        if entry.beside:
            beside, large = entry.peer.routes[entry.beside], digits.large_batches()
            check.accuracy(server.port, beside, large)
            write_requests(map(beside.ask, large), contest.requests(entry, entry.beside))
    for clients in contest.scenario.clients:
        contest.rows[entry.label, clients].accuracy = share if entry.asked.read else None


@contextmanager
def awake(server: Server) -> Iterator[Server]:
    server.thaw()
    try:
        yield server
    finally:
        server.freeze()


# --- a turn ---


def take(contest: Contest, turn: Entry | Loop, row: Row, seconds: int) -> None:
    if row.refused:
        return
    try:
        if isinstance(turn, Loop):
            row.timings.append(loop(contest, turn, row, seconds))
        else:
            row.timings.append(ask(contest, turn, row.clients, seconds))
    except NoComparison as error:
        row.refused = str(error)
        row.timings.clear()


def ask(contest: Contest, entry: Entry, clients: int, seconds: int) -> Timing:
    requests, core = contest.requests(entry, entry.route), contest.cores[1]
    with awake(contest.servers[entry.peer.name]) as server:
        # Ray's daemons need a moment to find each other again; nobody is to be timed while it thaws.
        server.wait_until_ready(entry.asked.ask(contest.scenario.questions()[0]))
        wrk.measure(server.port, requests, Load(clients, WARM_UP, core))
        load = Load(clients, seconds, core)
        if not entry.beside:
            return wrk.measure(server.port, requests, load)
        beside = Load(1, seconds + BETWEEN, core)
        with wrk.started(server.port, contest.requests(entry, entry.beside), beside) as other:
            timing = wrk.measure(server.port, requests, load)
            large = wrk.parse(other.communicate()[0])
    if not large.requests:
        raise NoComparison("not one large request was answered beside the small ones")
    return replace(timing, errors={**timing.errors, "beside": large.failed})


def loop(contest: Contest, turn: Loop, row: Row, seconds: int) -> Timing:
    batches = contest.scenario.questions()
    file = contest.folder / "batches.npz"
    np.savez(file, images=[each.images for each in batches], labels=[each.labels for each in batches])
    command: list[str | Path] = ["taskset", "-c", contest.cores[0], install.python_of(turn)]
    command += [PEERS / turn.folder / "loop.py", turn.model, file, str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    if done.returncode:
        raise NoComparison(f"the loop failed: {done.stderr.strip().splitlines()[-1]}")
    said = json.loads(done.stdout)
    row.accuracy = said.pop("accuracy")
    return Timing(**said)


def who(scenarios: list[Scenario]) -> dict[str, Peer | Loop]:
    """Everyone who takes part, once."""
    found: dict[str, Peer | Loop] = {}
    for scenario in scenarios:
        found |= {entry.peer.name: entry.peer for entry in scenario.entries}
        found |= {each.name: each for each in scenario.loops}
    return found
