"""The service on Ray Serve, which scales its replicas with the load, over any number of machines.

    pip install '.[ray]'
    serve run deploy.ray.service:app                                # here, on http://127.0.0.1:8000
    serve run --address ray://HEAD:10001 --working-dir . deploy.ray.service:app   # on a cluster

The settings are read from the DIGITS_ variables of the environment (DIGITS_DEVICE=cuda gives each replica a GPU). Those
of the HTTP server do not apply: Ray decides on address, port, processes and draining.
"""

from __future__ import annotations

import os

from ray import serve
from starlette.types import ASGIApp

MAX_REPLICAS = 32
TARGET_ONGOING_REQUESTS = 16  # of one replica: one run of the model answers as many


def create() -> ASGIApp:
    """Called in each replica, which loads the models before its first request."""
    from app.main import create_app

    return create_app()


SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("DIGITS_")}
ON_GPU = SETTINGS.get("DIGITS_DEVICE") in ("cuda", "tensorrt")

deployment = serve.deployment(
    name="digits",
    autoscaling_config={
        "min_replicas": 1,
        "max_replicas": MAX_REPLICAS,
        "target_ongoing_requests": TARGET_ONGOING_REQUESTS,
        "upscale_delay_s": 5,  # instead of 30: a replica starts within seconds
    },
    max_ongoing_requests=16 * TARGET_ONGOING_REQUESTS,  # while another replica starts; the rest waits in Ray's proxy
    ray_actor_options={"num_cpus": 1, "num_gpus": int(ON_GPU), "runtime_env": {"env_vars": SETTINGS}},
)
app = deployment(serve.ingress(create)()).bind()
