"""LitServe: pictures as base64 in JSON, with batching as its guide to faster serving shows."""

import base64
import io
import sys
from pathlib import Path

import litserve
import numpy as np
import onnxruntime
from PIL import Image

MODEL = Path(__file__).parents[3] / "models/digits-mlp/1/model.onnx"


class Tensors(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request):
        return np.array(request["instances"], np.uint8)

    def predict(self, images):
        (probabilities,) = self.session.run(["probabilities"], {"image": images})
        return probabilities

    def encode_response(self, probabilities):
        return {"probabilities": probabilities.tolist()}


class Pictures(Tensors):
    def decode_request(self, request):
        picture = Image.open(io.BytesIO(base64.b64decode(request["image_data"])))
        return np.asarray(picture.convert("L").resize((28, 28)))

    def batch(self, images):
        return np.stack(images)

    def unbatch(self, probabilities):
        return list(probabilities)


if __name__ == "__main__":
    port, workers, route = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    api = Tensors() if route == "json" else Pictures(max_batch_size=16, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers)
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False, access_log=False)
