"""python -m benchmarks: measure this service and other servers on the same requests; one table, one chart."""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

from benchmarks import chart, machine, table, wrk
from benchmarks.measurement import participants, run_scenario
from benchmarks.peer import NotComparable
from benchmarks.peers import OURS, PEERS
from benchmarks.progress import Progress
from benchmarks.results import Results
from benchmarks.scenario import SCENARIOS, Scenario

INTERRUPTED = 130  # exit status after Ctrl+C, as shells have it: 128 + SIGINT


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, interrupt)  # stops every server, as Ctrl+C does
    try:
        wrk.find()
        return run(arguments)
    except (FileNotFoundError, NotComparable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--scenario", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), help="what is measured (default: all)"
    )
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, default=list(PEERS), help="servers beside this service (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each server (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=int, default=3, help="duration of a measurement in seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/bench"),
        help="folder for results.json, results.md and results.png (default: %(default)s)",
    )
    return parser


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status: 1 if a server was left out or a request failed, otherwise 0."""
    scenarios = {name: select_peers(SCENARIOS[name], arguments.peers) for name in arguments.scenario}
    measurements = arguments.rounds * sum(count_rows(scenario) for scenario in scenarios.values())
    with Progress(measurements) as progress:
        progress.show("making missing virtual environments")
        results = Results(describe_machine(list(scenarios.values()), progress), arguments.rounds, arguments.seconds)
        for scenario in scenarios.values():
            run_scenario(scenario, results, progress)
    report(results, scenarios, arguments.out)
    return int(any(row.exclusion or row.errors for row in results.rows))


def select_peers(scenario: Scenario, names: list[str]) -> Scenario:
    selected = tuple(entry for entry in scenario.entries if entry.peer is OURS or entry.peer.name in names)
    return replace(scenario, entries=selected)


def count_rows(scenario: Scenario) -> int:
    return len(scenario.clients) * len(scenario.entries + scenario.loops)


def describe_machine(scenarios: list[Scenario], progress: Progress) -> dict[str, object]:
    description = machine.describe(participants(scenarios))
    if description["busy"]:
        progress.note(f"The machine is busy (load average {description['load_before']}): the figures are not reliable.")
    return description


def report(results: Results, scenarios: dict[str, Scenario], out: Path) -> None:
    """Prints the table and writes results.md, results.json and results.png to the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    markdown = table.to_markdown(results, scenarios.values())
    print(markdown)
    (out / "results.md").write_text(markdown + "\n")
    results.save(out / "results.json", scenarios)
    chart.draw(results, scenarios.values(), out / "results.png")


if __name__ == "__main__":
    sys.exit(main())
