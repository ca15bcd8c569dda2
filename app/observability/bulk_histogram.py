"""A Prometheus histogram that takes many observations at once: what we use of prometheus_client's private parts.

Its public `observe` takes one value and costs ten times as much for each. A collector of our own would be a public way,
but would lose the files in which several workers share their figures. pyproject.toml bounds the library's version, and
tests/app/observability/test_bulk_histogram.py names the part that a new release lacks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Histogram


class BulkHistogram(Histogram):
    def observe_all(self, values: Sequence[float] | NDArray[np.floating]) -> None:
        """The same as `observe` for each of the values, (n,)."""
        buckets = np.searchsorted(self._upper_bounds, values)  # the first whose bound is not smaller
        for bucket, count in zip(self._buckets, np.bincount(buckets).tolist(), strict=False):
            if count:
                bucket.inc(count)
        self._sum.inc(float(np.sum(values)))
