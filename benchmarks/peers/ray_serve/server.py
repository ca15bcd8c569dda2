"""Ray Serve: replicas with dynamic request batching; raw request bodies, JSON or raw responses."""

import io
import sys
import threading
from pathlib import Path

import numpy as np
import onnxruntime
import ray
from PIL import Image
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.requests import Request
from starlette.responses import Response

MODEL = Path(__file__).parents[3] / "models/digits-mlp/1/model.onnx"


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.4})
class Digits:
    def __init__(self, route):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
        self.respond = {"json": self.json, "binary": self.binary}.get(route, self.picture)

    async def __call__(self, request: Request):
        return await self.respond(request)

    async def picture(self, request):
        data = await request.body()
        return {"probabilities": await self.batch(data)}

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0.001)
    async def batch(self, pictures):
        images = [np.asarray(Image.open(io.BytesIO(picture)).convert("L").resize((28, 28))) for picture in pictures]
        return self.run(np.stack(images)).tolist()

    async def json(self, request):
        images = np.array((await request.json())["instances"], np.uint8)
        return {"probabilities": self.run(images).tolist()}

    async def binary(self, request):
        images = np.frombuffer(await request.body(), np.uint8).reshape(-1, 28, 28)
        return Response(self.run(images).tobytes(), media_type="application/octet-stream")

    def run(self, images):
        (probabilities,) = self.session.run(["probabilities"], {"image": images})
        return probabilities


if __name__ == "__main__":
    port, workers, route = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    ray.init(
        num_cpus=workers,
        include_dashboard=False,
        object_store_memory=100_000_000,
        log_to_driver=False,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    logging_config = LoggingConfig(enable_access_log=False)
    serve.run(Digits.options(num_replicas=workers).bind(route), logging_config=logging_config)
    threading.Event().wait()
