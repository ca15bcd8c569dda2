from __future__ import annotations

from benchmarks.scenario import SCENARIOS


def test_every_scenario_uses_existing_routes() -> None:
    for scenario in SCENARIOS.values():
        for entry in scenario.entries:
            assert {entry.route_name, entry.background_route or entry.route_name} <= entry.peer.routes.keys()


def test_every_scenario_has_ours_and_something_beside() -> None:
    for scenario in SCENARIOS.values():
        assert not scenario.entries[0].peer.folder
        assert len(scenario.entries + scenario.loops) > 1


def test_one_png_is_measured_with_and_without_the_fast_path() -> None:
    labels = [entry.label for entry in SCENARIOS["png"].entries]
    assert labels[0] == "digits"
    assert "digits, no fast path" in labels
