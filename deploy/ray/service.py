"""The service on Ray Serve, which keeps as many replicas of it as there is work for, on however many machines.

    pip install '.[ray]'
    serve run deploy.ray.service:app                                # here, on http://127.0.0.1:8000
    serve run --address ray://HEAD:10001 --working-dir . deploy.ray.service:app   # on a cluster

The settings are the service's own, from the environment (DIGITS_DEVICE=cuda gives each replica a GPU), but for those of
its server: address, port, processes and draining are Ray's.
"""

from __future__ import annotations

import os

from ray import serve
from starlette.types import ASGIApp

MOST_REPLICAS = 32
ONGOING = 16  # requests to a replica at which another is started: one run of the model answers as many


def create() -> ASGIApp:
    """In each replica, which loads the models before it gets its first request."""
    from app.main import create_app

    return create_app()


SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("DIGITS_")}
ON_GPU = SETTINGS.get("DIGITS_DEVICE") in ("cuda", "tensorrt")

deployment = serve.deployment(
    name="digits",
    autoscaling_config={
        "min_replicas": 1,
        "max_replicas": MOST_REPLICAS,
        "target_ongoing_requests": ONGOING,
        "upscale_delay_s": 5,  # of 30: a replica is there within seconds
    },
    max_ongoing_requests=16 * ONGOING,  # while another starts; the rest waits at Ray's proxy
    ray_actor_options={"num_cpus": 1, "num_gpus": int(ON_GPU), "runtime_env": {"env_vars": SETTINGS}},
)
app = deployment(serve.ingress(create)()).bind()
