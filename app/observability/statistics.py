"""Statistics of a model for V2 clients. Source: Triton's extension_statistics.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pydantic import BaseModel, Field

from app.observability import metrics

DROPPED = ("left", "overloaded", "failed")  # the reasons in digits_dropped


class Duration(BaseModel):
    """How often something was done, and its total time."""

    count: int = 0
    ns: int = 0


class InferStatistics(BaseModel):
    """A request larger than a batch counts once for each of its parts. A count of 0: not measured."""

    success: Duration = Field(description="Parts answered; the time is the sum of `queue` and `compute_infer`.")
    fail: Duration = Field(description="Requests without a prediction, for any reason; their time is not measured.")
    queue: Duration = Field(description="Waiting for a run.")
    compute_infer: Duration = Field(description="Runs of the model; one run may answer many requests.")
    compute_input: Duration = Duration()
    compute_output: Duration = Duration()
    cache_hit: Duration = Duration()
    cache_miss: Duration = Duration()


class ModelStatistics(BaseModel):
    """One version since the service started, all workers together."""

    name: str
    version: str
    inference_count: int = Field(description="Images.")
    execution_count: int = Field(description="Runs.")
    inference_stats: InferStatistics
    batch_stats: list[Duration] = Field(default=[], description="Not measured by batch size: see /metrics.")


def statistics_of(name: str, version: int) -> ModelStatistics:
    model = {"model": name, "version": str(version)}
    values = defaultdict(float, metrics.values(model))
    failed, dropped = dropped_requests(model)
    runs = int(values["digits_batch_images_count"])
    parts = int(values["digits_queue_seconds_count"])
    queue_ns = round(values["digits_queue_seconds_sum"] * 1e9)
    run_ns = round(values["digits_run_seconds_sum"] * 1e9)
    return ModelStatistics(
        name=name,
        version=str(version),
        inference_count=int(values["digits_batch_images_sum"]),
        execution_count=runs,
        inference_stats=InferStatistics(
            success=Duration(count=parts - failed, ns=queue_ns + run_ns),
            fail=Duration(count=dropped),
            queue=Duration(count=parts, ns=queue_ns),
            compute_infer=Duration(count=runs, ns=run_ns),
        ),
    )


def dropped_requests(model: Mapping[str, str]) -> tuple[int, int]:
    """The number of requests whose run failed, and of all without a prediction."""
    counts = {
        reason: int(metrics.values({**model, "reason": reason}).get("digits_dropped_total", 0)) for reason in DROPPED
    }
    return counts["failed"], sum(counts.values())
