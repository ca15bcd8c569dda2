"""The results as a picture: a panel for each scenario and number of clients, a bar for each server."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import Results, Row
from benchmarks.scenario import Scenario
from benchmarks.table import figure, ordered

OURS, PEER, LIMIT, INK = "#0b6e99", "#b8bfc6", "#ffffff", "#333333"
COLUMNS = 2
ROW_INCHES, HEAD_INCHES = 0.27, 0.75


def draw(results: Results, scenarios: Iterable[Scenario], file: Path) -> None:
    """Draws the PNG `file`; a panel in which nobody was measured is left out."""
    mpl.use("Agg")
    panels = [(scenario, clients) for scenario in scenarios for clients in scenario.clients]
    shown = [(each, ordered_rows(results, *each)) for each in panels]
    shown = [(each, rows) for each, rows in shown if rows]
    lines = [shown[at : at + COLUMNS] for at in range(0, len(shown), COLUMNS)]
    bars = [max(len(rows) for _, rows in line) for line in lines]
    heights = [HEAD_INCHES + ROW_INCHES * count for count in bars]
    sheet = Figure(figsize=(13, 0.4 + sum(heights)), layout="constrained")
    grid = sheet.add_gridspec(max(1, len(lines)), COLUMNS, height_ratios=heights or None)
    for at, line in enumerate(lines):
        for column, ((scenario, clients), rows) in enumerate(line):
            axes = sheet.add_subplot(grid[at, column])
            panel(axes, scenario, clients, rows)
            axes.set_ylim(len(rows) - bars[at] - 0.6, len(rows) - 0.4)  # bars of one thickness, from the top
    sheet.suptitle(caption(results), fontsize=9, color=INK)
    sheet.savefig(file, dpi=110)


def caption(results: Results) -> str:
    machine = results.machine
    return (
        f"Ours blue, limits outlined. Medians of {results.rounds} x {results.seconds} s, the thin line from the lowest "
        f"to the highest. {machine['cores']} cores of {machine['cpu']}, {machine['date']}"
    )


def ordered_rows(results: Results, scenario: Scenario, clients: int) -> list[Row]:
    """Longest bar first, whoever's it is; of times, too."""
    rows = [row for row in ordered(results.of(scenario, clients), scenario.by) if row.timings]
    return sorted(rows, key=lambda row: row.spread(scenario.by).median)


def panel(axes: Axes, scenario: Scenario, clients: int, rows: list[Row]) -> None:
    spreads = [row.spread(scenario.by) for row in rows]
    fills = [OURS if row.ours else LIMIT if row.limit else PEER for row in rows]
    bars = axes.barh(
        [row.label for row in rows],
        [each.median for each in spreads],
        xerr=[[each.median - each.low for each in spreads], [each.high - each.median for each in spreads]],
        color=fills,
        edgecolor=[INK if row.limit else fill for row, fill in zip(rows, fills, strict=True)],
        error_kw={"ecolor": INK, "elinewidth": 0.8},
        height=0.72,
    )
    for bar, each in zip(bars, spreads, strict=True):
        text = figure(each.median) if scenario.by == "per_second" else f"{each.median:.3g}"
        axes.annotate(
            text,
            (each.high, bar.get_y() + bar.get_height() / 2),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
        )
    axes.set_xlim(0, max(each.high for each in spreads) * 1.15)
    unit = scenario.unit if scenario.by == "per_second" else "p99 in ms, less is better"
    title = f"{scenario.title}\n{clients} client{'s' * (clients > 1)}, {unit}"
    axes.set_title(title, fontsize=9, loc="left", color=INK)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(left=False, bottom=False, labelbottom=False, labelsize=8)
