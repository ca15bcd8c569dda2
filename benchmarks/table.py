"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.results import Results, Row, Spread
from benchmarks.scenario import Scenario

HEAD = (
    "| what is asked | clients | server | median (lowest to highest) | ours ÷ it | p50, ms | p99, ms | errors |",
    "|---|---:|---|---:|---:|---:|---:|---:|",
)


def markdown(results: Results, scenarios: Iterable[Scenario]) -> str:
    lines = [
        line(results, scenario, row)
        for scenario in scenarios
        for clients in scenario.clients
        for row in ordered(results.of(scenario, clients), scenario.by)
    ]
    return "\n".join([*HEAD, *lines, "", *notes(results)])


def ordered(rows: list[Row], by: str) -> list[Row]:
    """Ours first, then the limits, then the others, the best of each first; those left out at the end."""

    def key(row: Row) -> tuple[bool, bool, bool, float]:
        value = row.spread(by).median if row.timings else 0.0
        return (bool(row.refused), not row.ours, not row.limit, value if by.endswith("_ms") else -value)

    return sorted(rows, key=key)


def line(results: Results, scenario: Scenario, row: Row) -> str:
    name = f"**{row.label}**" if row.ours else f"*{row.label}*" if row.limit else row.label
    start = f"| {scenario.title} | {row.clients} | {name} |"
    if not row.timings:
        return f"{start} left out: {one_line(row.refused)} | | | | |"
    rate, p50, p99 = (row.spread(each) for each in ("per_second", "p50_ms", "p99_ms"))
    fields = (
        f"{figure(rate.median)} {row.unit} ({figure(rate.low)} to {figure(rate.high)})",
        ratio(results.ratios(scenario, row), row, scenario.by),
        f"{p50.median:.3g}",
        f"{p99.median:.3g}",
        str(row.errors),
    )
    return f"{start} {' | '.join(fields)} |"


def one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def figure(value: float) -> str:
    """Three digits of it, which is more than the spread allows; thousands with commas."""
    return f"{float(f'{value:.3g}'):,.0f}"


def ratio(ratios: dict[str, Spread], row: Row, by: str) -> str:
    """Of ours to it, and where we have two entries whose: nothing to say of an entry to itself."""
    others = {label: each for label, each in ratios.items() if label != row.label}
    if by != "per_second":
        return ", ".join(f"p99 {each.median:.2f} times" for each in others.values())
    if len(ratios) == 1 and others:
        (each,) = others.values()
        return f"{each.median:.2f}"
    return ", ".join(f"{each.median:.2f} ({label.rpartition(', ')[2]})" for label, each in others.items())


def notes(results: Results) -> Iterator[str]:
    machine = results.machine
    yield (
        f"Measured {machine['date']} on {machine['cores']} cores of {machine['cpu']}, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}, with {machine['load_generator']}; "
        f"commit {machine['commit']}. {results.rounds} rounds of {results.seconds} s, every server in each; "
        "ratios are the medians of the rounds' own."
    )
    if machine["busy"]:
        yield f"**The machine was busy (load {machine['load_before']}): these figures mean little.**"
    yield ""
    setups = {row.label: row.setup for row in results.rows}
    for name, versions in machine["versions"].items():
        said = ", ".join(f"{package} {version}" for package, version in versions.items())
        yield f"- {name}: {setups.get(name, 'all protocols')} ({said})"
