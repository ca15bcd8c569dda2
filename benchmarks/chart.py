"""The results as a chart: a panel for each scenario and number of clients, a bar for each server."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from benchmarks.results import Results, Row
from benchmarks.scenario import Scenario
from benchmarks.table import format_rate

OUR_COLOUR = "#0b6e99"
PEER_COLOUR = "#b8bfc6"
UPPER_BOUND_COLOUR = "#ffffff"
TEXT_COLOUR = "#333333"
COLUMNS = 2  # of panels
WIDTH = 13  # inches, of the chart
BAR_HEIGHT = 0.27  # inches, with the gap to the next bar
TITLE_HEIGHT = 0.75  # inches, of a panel's title
CAPTION_HEIGHT = 0.4  # inches
DPI = 110  # pixels per inch


def draw(results: Results, scenarios: Iterable[Scenario], file: Path) -> None:
    """Writes the chart as the PNG `file`. Panels without a measured server are left out."""
    mpl.use("Agg")
    panels = [
        (scenario, clients, rows)
        for scenario in scenarios
        for clients in scenario.clients
        if (rows := measured_rows(results, scenario, clients))
    ]
    lines = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    bars = [max(len(rows) for _, _, rows in line) for line in lines]  # of each line's longest panel
    heights = [TITLE_HEIGHT + BAR_HEIGHT * count for count in bars]
    chart = Figure(figsize=(WIDTH, CAPTION_HEIGHT + sum(heights)), layout="constrained")
    grid = chart.add_gridspec(max(1, len(lines)), COLUMNS, height_ratios=heights or None)
    for index, line in enumerate(lines):
        for column, (scenario, clients, rows) in enumerate(line):
            axes = chart.add_subplot(grid[index, column])
            draw_panel(axes, scenario, clients, rows)
            # The same scale in both panels of a line, so that their bars are equally thick and begin at the top.
            axes.set_ylim(len(rows) - bars[index] - 0.6, len(rows) - 0.4)
    chart.suptitle(caption(results), fontsize=9, color=TEXT_COLOUR)
    chart.savefig(file, dpi=DPI)


def caption(results: Results) -> str:
    machine = results.machine
    return (
        f"Blue: this service; outlined: upper bounds. Medians of {results.rounds} rounds of {results.seconds} s; the "
        f"thin line spans all rounds. {machine['cores']} cores of {machine['cpu']}, {machine['date']}"
    )


def measured_rows(results: Results, scenario: Scenario, clients: int) -> list[Row]:
    """In ascending order of the metric: matplotlib draws the first bar at the bottom."""
    rows = [row for row in results.rows_of(scenario, clients) if row.timings]
    return sorted(rows, key=lambda row: row.spread(scenario.metric).median)


def draw_panel(axes: Axes, scenario: Scenario, clients: int, rows: list[Row]) -> None:
    bars = draw_bars(axes, scenario, rows)
    label_bars(axes, scenario, bars, rows)
    unit = scenario.unit if scenario.metric == "per_second" else "p99 in ms, lower is better"
    title = f"{scenario.title}\n{clients} client{'s' * (clients > 1)}, {unit}"
    axes.set_title(title, fontsize=9, loc="left", color=TEXT_COLOUR)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(left=False, bottom=False, labelbottom=False, labelsize=8)


def draw_bars(axes: Axes, scenario: Scenario, rows: list[Row]) -> BarContainer:
    spreads = [row.spread(scenario.metric) for row in rows]
    colours = [OUR_COLOUR if row.ours else UPPER_BOUND_COLOUR if row.upper_bound else PEER_COLOUR for row in rows]
    return axes.barh(
        [row.label for row in rows],
        [spread.median for spread in spreads],
        xerr=[
            [spread.median - spread.low for spread in spreads],
            [spread.high - spread.median for spread in spreads],
        ],
        color=colours,
        edgecolor=[TEXT_COLOUR if row.upper_bound else colour for row, colour in zip(rows, colours, strict=True)],
        error_kw={"ecolor": TEXT_COLOUR, "elinewidth": 0.8},
        height=0.72,
    )


def label_bars(axes: Axes, scenario: Scenario, bars: BarContainer, rows: list[Row]) -> None:
    spreads = [row.spread(scenario.metric) for row in rows]
    for bar, spread in zip(bars, spreads, strict=True):
        axes.annotate(
            format_rate(spread.median) if scenario.metric == "per_second" else f"{spread.median:.3g}",
            (spread.high, bar.get_y() + bar.get_height() / 2),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=TEXT_COLOUR,
        )
    axes.set_xlim(0, max(spread.high for spread in spreads) * 1.15)  # with space for the labels
