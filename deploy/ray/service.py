"""The service on Ray Serve, which scales its replicas with the load, over any number of machines.

    pip install '.[ray]'
    serve run deploy.ray.service:app                                # here, on http://127.0.0.1:8000
    serve run --address ray://HEAD:10001 --working-dir . deploy.ray.service:app   # on a cluster

The settings are read from the DIGITS_ variables of the environment (DIGITS_DEVICE=cuda gives each replica a GPU). Those
of the HTTP server do not apply: Ray decides on address, port, processes and draining.

/metrics answers for the one replica that gets the request. Those of all replicas are among Ray's own metrics, which
Prometheus scrapes from every machine: ray_digits_... with the tag `replica`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable

from prometheus_client import Metric
from ray import serve
from ray.serve import metrics as ray_metrics
from ray.serve.schema import LoggingConfig
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REPLICA_CORES = 1
MAX_REPLICAS = 32
TARGET_ONGOING_REQUESTS = 16  # of one replica: one run of the model answers as many
MAX_ONGOING_REQUESTS = 16 * TARGET_ONGOING_REQUESTS  # while another replica starts
PUBLISH_SECONDS = 5


def create() -> ASGIApp:
    """Called in each replica, which loads the models before its first request."""
    from app.runtime import assign_cores, memory_limit, usable_cores

    memory_share = memory_limit()[0] * REPLICA_CORES // max(REPLICA_CORES, usable_cores())
    assign_cores(REPLICA_CORES)

    from app.environment import read_variables
    from app.main import create_app
    from app.observability.logs import start_logging
    from app.server.startup import log_start
    from app.settings import Settings

    settings = Settings()
    if settings.memory_bytes is None:
        settings = settings.model_copy(update={"memory_bytes": memory_share})
    start_logging(settings.log_level, settings.log_format, access_log=settings.access_log)
    log_start(settings, read_variables(Settings.model_fields))
    threading.Thread(target=publish_metrics, name="metrics", daemon=True).start()
    return WithoutRequestId(create_app(settings))


class WithoutRequestId:
    """Ray's proxy gives each request an id, which the service logs, and writes it into the response itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [header for header in message["headers"] if header[0] != b"x-request-id"]
            await send(message)

        await self.app(scope, receive, send_without_id)


# --- metrics ----------------------------------------------------------------------------------------------------------


def publish_metrics() -> None:
    """Every few seconds, as long as the replica lives."""
    from app.observability import metrics

    gauges: dict[str, ray_metrics.Gauge] = {}
    while True:
        time.sleep(PUBLISH_SECONDS)
        metrics.flush()
        publish(metrics.registry().collect(), gauges)


def publish(families: Iterable[Metric], gauges: dict[str, ray_metrics.Gauge]) -> None:
    """As gauges: Ray has no counter that can be set, and Prometheus computes rates and quantiles of gauges too."""
    for family in families:
        for sample in family.samples:
            if not sample.name.startswith("digits_") or sample.name.endswith("_created"):
                continue
            if sample.name not in gauges:
                labels = tuple(sample.labels)
                gauges[sample.name] = ray_metrics.Gauge(
                    sample.name,
                    family.documentation,
                    tag_keys=labels,  # type: ignore[arg-type]  # annotated for one alone
                )
            gauges[sample.name].set(sample.value, tags=sample.labels)


# --- the deployment ---------------------------------------------------------------------------------------------------

VARIABLES = {name: value for name, value in os.environ.items() if name.startswith(("DIGITS_", "OTEL_"))}
ON_GPU = VARIABLES.get("DIGITS_DEVICE") in ("cuda", "tensorrt")

deployment = serve.deployment(
    name="digits",
    autoscaling_config={
        "min_replicas": 1,
        "max_replicas": MAX_REPLICAS,
        "target_ongoing_requests": TARGET_ONGOING_REQUESTS,
        "upscale_delay_s": 5,  # instead of 30: a replica starts within seconds
    },
    max_ongoing_requests=MAX_ONGOING_REQUESTS,
    max_queued_requests=MAX_ONGOING_REQUESTS,  # in each of Ray's proxies; beyond it: 503
    graceful_shutdown_timeout_s=float(VARIABLES.get("DIGITS_SHUTDOWN_SECONDS") or 20),
    logging_config=LoggingConfig(enable_access_log=False),  # the service has its own, DIGITS_ACCESS_LOG
    ray_actor_options={
        "num_cpus": REPLICA_CORES,
        "num_gpus": int(ON_GPU),
        "runtime_env": {"env_vars": VARIABLES},
    },
)
app = deployment(serve.ingress(create)()).bind()
