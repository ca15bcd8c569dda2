"""BentoML: a service with adaptive batching, as its guide "Adaptive batching" shows."""

import os
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime
from bentoml.validators import DType
from PIL import Image

MODEL = Path(__file__).parents[3] / "models/digits-mlp/1/model.onnx"


@bentoml.service(
    workers=int(os.environ["BENCH_WORKERS"]),
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
)
class Digits:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])

    @bentoml.api(batchable=True, max_batch_size=64)
    def classify(self, pictures: list[Image.Image]) -> list[list[float]]:
        images = [np.asarray(picture.convert("L").resize((28, 28))) for picture in pictures]
        return self.run(np.stack(images)).tolist()

    @bentoml.api(batchable=True, max_batch_size=1024)
    def classify_tensor(self, images: Annotated[np.ndarray, DType("uint8")]) -> np.ndarray:
        return self.run(images)

    def run(self, images):
        (probabilities,) = self.session.run(["probabilities"], {"image": images})
        return probabilities
