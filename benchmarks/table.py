"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.results import SHOWN_METRICS, Results, Row, Spread
from benchmarks.scenario import Scenario

HEAD = (
    "| request | clients | server | median (lowest to highest) | ours ÷ server | p50, ms | p99, ms | errors |",
    "|---|---:|---|---:|---:|---:|---:|---:|",
)


def to_markdown(results: Results, scenarios: Iterable[Scenario]) -> str:
    lines = [
        format_row(results, scenario, row)
        for scenario in scenarios
        for clients in scenario.clients
        for row in sort_rows(results.rows_of(scenario, clients), scenario.metric)
    ]
    return "\n".join([*HEAD, *lines, "", *notes(results)])


def sort_rows(rows: list[Row], metric: str) -> list[Row]:
    """Ours first, then the upper bounds, then the others, the best of each first; excluded rows at the end."""

    def key(row: Row) -> tuple[bool, bool, bool, float]:
        value = row.spread(metric).median if row.timings else 0.0
        cost = value if metric.endswith("_ms") else -value
        return (bool(row.exclusion), not row.ours, not row.upper_bound, cost)

    return sorted(rows, key=key)


def format_row(results: Results, scenario: Scenario, row: Row) -> str:
    name = f"**{row.label}**" if row.ours else f"*{row.label}*" if row.upper_bound else row.label
    start = f"| {scenario.title} | {row.clients} | {name} |"
    if not row.timings:
        return f"{start} left out: {cell_text(row.exclusion)} | | | | |"
    rate, p50, p99 = (row.spread(metric) for metric in SHOWN_METRICS)
    cells = (
        f"{format_rate(rate.median)} {row.unit} ({format_rate(rate.low)} to {format_rate(rate.high)})",
        format_ratios(results.ratios(scenario, row), row, scenario.metric),
        f"{p50.median:.3g}",
        f"{p99.median:.3g}",
        str(row.errors),
    )
    return f"{start} {' | '.join(cells)} |"


def cell_text(text: str) -> str:
    """On one line and without `|`, which would end the cell."""
    return " ".join(text.split()).replace("|", "/")


def format_rate(value: float) -> str:
    """Three significant digits, since the spread allows no more; thousands with commas."""
    return f"{float(f'{value:.3g}'):,.0f}"


def format_ratios(ratios: dict[str, Spread], row: Row, metric: str) -> str:
    """Without the ratio of a row of ours to itself; with the label of our row where there are several."""
    others = {label: ratio for label, ratio in ratios.items() if label != row.label}
    if metric != "per_second":
        return ", ".join(f"p99 {ratio.median:.2f} times" for ratio in others.values())
    if len(ratios) == 1 and others:
        (ratio,) = others.values()
        return f"{ratio.median:.2f}"
    return ", ".join(f"{ratio.median:.2f} ({label.rpartition(', ')[2]})" for label, ratio in others.items())


def notes(results: Results) -> Iterator[str]:
    machine = results.machine
    yield (
        f"Measured {machine['date']} on {machine['cores']} cores of {machine['cpu']}, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}, with {machine['load_generator']}; "
        f"commit {machine['commit']}. {results.rounds} rounds of {results.seconds} s with every server in each round; "
        "a ratio is the median of the ratios of the rounds."
    )
    if machine["busy"]:
        yield f"**The load average was {machine['load_before']} before the start: these figures are not reliable.**"
    yield ""
    setups = {row.label: row.setup for row in results.rows}
    for name, versions in machine["versions"].items():
        packages = ", ".join(f"{package} {version}" for package, version in versions.items())
        yield f"- {name}: {setups.get(name, 'all protocols')} ({packages})"
