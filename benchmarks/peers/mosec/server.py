"""mosec: one stage of workers with dynamic batching; raw request bodies, JSON or raw responses."""

import io
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from mosec import Server, Worker
from PIL import Image

MODEL = Path(__file__).parents[3] / "models/digits-mlp/1/model.onnx"


def decode_with_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("L").resize((28, 28)))


def decode_with_opencv(data):
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return picture if picture.shape == (28, 28) else cv2.resize(picture, (28, 28), interpolation=cv2.INTER_AREA)


class Digits(Worker):
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
        cv2.setNumThreads(1)

    def run(self, images):
        (probabilities,) = self.session.run(["probabilities"], {"image": images})
        return probabilities


class Pictures(Digits):
    decode = staticmethod(decode_with_opencv if os.environ.get("BENCH_DECODER") == "opencv" else decode_with_pillow)

    def deserialize(self, data):
        return self.decode(data)

    def forward(self, data):
        return [{"probabilities": row} for row in self.run(np.stack(data)).tolist()]


class JsonTensors(Digits):
    def deserialize(self, data):
        return np.array(json.loads(data)["instances"], np.uint8)

    def forward(self, data):
        return {"probabilities": self.run(data).tolist()}


class RawTensors(Digits):
    def deserialize(self, data):
        return np.frombuffer(data, np.uint8).reshape(-1, 28, 28)

    def forward(self, data):
        return self.run(data)

    def serialize(self, data):
        return data.tobytes()


if __name__ == "__main__":
    # mosec parses the command line itself, so the benchmark passes its own options as environment variables.
    workers, route = int(os.environ["BENCH_WORKERS"]), os.environ["BENCH_ROUTE"]
    server = Server()
    if route == "json":
        server.append_worker(JsonTensors, num=workers)
    elif route == "binary":
        server.append_worker(RawTensors, num=workers)
    else:
        server.append_worker(Pictures, num=workers, max_batch_size=16, max_wait_time=1)
    sys.exit(server.run())
