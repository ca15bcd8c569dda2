"""python -m benchmarks: one table, ours and the others side by side."""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

from benchmarks import machine, measure, picture, table, wrk
from benchmarks.peer import NoComparison
from benchmarks.peers import OURS, PEERS
from benchmarks.progress import Progress
from benchmarks.results import Results
from benchmarks.scenario import SCENARIOS, Scenario


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, interrupt)  # as Ctrl+C: every server is stopped on the way out
    try:
        wrk.find()
        return run(arguments)
    except (FileNotFoundError, NoComparison) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as shells say it


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scenario", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), help="default: all")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="beside ours; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=3, help="how long each time (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="for results.json, .md and .png")
    return parser


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(arguments: argparse.Namespace) -> int:
    """0 if everyone was measured, 1 if anyone was left out or answered with errors."""
    scenarios = {name: chosen(SCENARIOS[name], arguments.peers) for name in arguments.scenario}
    turns = sum(len(each.clients) * len(each.entries + each.loops) for each in scenarios.values())
    with Progress(turns * arguments.rounds) as progress:
        progress.say("making the environments of the peers, where they are missing")
        results = Results(describe(list(scenarios.values()), progress), arguments.rounds, arguments.seconds)
        for scenario in scenarios.values():
            measure.run(scenario, results, progress)
    show(results, scenarios, arguments.out)
    return int(any(row.refused or row.errors for row in results.rows))


def chosen(scenario: Scenario, peers: list[str]) -> Scenario:
    return replace(scenario, entries=tuple(e for e in scenario.entries if e.peer is OURS or e.peer.name in peers))


def describe(scenarios: list[Scenario], progress: Progress) -> dict[str, object]:
    found = machine.describe(measure.who(scenarios))
    found["busy"] = found["load_before"] > machine.BUSY
    if found["busy"]:
        progress.note(f"The machine is busy (load {found['load_before']}): the figures will mean little.")
    return found


def show(results: Results, scenarios: dict[str, Scenario], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    said = table.markdown(results, scenarios.values())
    print(said)
    (out / "results.md").write_text(said + "\n")
    results.save(out / "results.json", scenarios)
    picture.draw(results, scenarios.values(), out / "results.png")


if __name__ == "__main__":
    sys.exit(main())
