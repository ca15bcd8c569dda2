"""Many observations at once; and what a new release of prometheus_client may break."""

from __future__ import annotations

import random

import pytest
from prometheus_client import CollectorRegistry, Histogram

from app.observability.bulk_histogram import BulkHistogram


def test_values_observed_together_are_counted_like_single_ones() -> None:
    rng = random.Random(1)
    values = [rng.choice((0.1, 0.2, 0.5, rng.random(), 3)) for _ in range(1000)]
    registry = CollectorRegistry()
    single = Histogram("single", "", buckets=(0.1, 0.2, 0.5, 1), registry=registry)
    bulk = BulkHistogram("bulk", "", buckets=(0.1, 0.2, 0.5, 1), registry=registry)
    for value in values:
        single.observe(value)
    bulk.observe_all(values[:1])
    bulk.observe_all(values[1:])
    for name in ("bucket", "count", "sum"):
        for le in ("0.1", "0.2", "0.5", "1.0", "+Inf") if name == "bucket" else (None,):
            labels = {"le": le} if le else {}
            expected = registry.get_sample_value(f"single_{name}", labels)
            assert registry.get_sample_value(f"bulk_{name}", labels) == pytest.approx(expected)


@pytest.mark.parametrize("attribute", ["_upper_bounds", "_buckets", "_sum"])
def test_prometheus_client_still_has_the_private_attribute(attribute: str) -> None:
    histogram = Histogram("private", "", buckets=(1, 2), registry=None)
    assert hasattr(histogram, attribute), f"prometheus_client has no Histogram.{attribute}: rewrite bulk_histogram.py"
