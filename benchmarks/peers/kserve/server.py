"""KServe: its Python server with a custom model; pictures as base64 in V1, tensors in V2."""

import base64
import functools
import io
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from kserve import InferInput, InferOutput, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid
from PIL import Image

MODEL = Path(__file__).parents[3] / "models/digits-mlp/1/model.onnx"

original_init = uvicorn.Config.__init__


@functools.wraps(original_init)
def init_on_loopback(self, *args, **kwargs):
    """Listens on the loopback address: the SDK binds every interface and has no option for it."""
    original_init(self, *args, **{**kwargs, "host": "127.0.0.1"})


uvicorn.Config.__init__ = init_on_loopback


class Digits(Model):
    def __init__(self, name):
        super().__init__(name)
        self.session = None
        self.ready = True

    def run(self, images):
        # Loaded here and not in __init__: several workers get a pickled model, and a session cannot be pickled.
        if self.session is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
        (probabilities,) = self.session.run(["probabilities"], {"image": images})
        return probabilities

    def predict(self, payload, headers=None, response_headers=None):
        if isinstance(payload, dict):
            images = [decode(instance["image"]["b64"]) for instance in payload["instances"]]
            return {"predictions": self.run(np.stack(images)).tolist()}
        tensor: InferInput = payload.inputs[0]
        probabilities = self.run(tensor.as_numpy().astype(np.uint8).reshape(-1, 28, 28))
        output = InferOutput("probabilities", list(probabilities.shape), "FP32")
        binary = payload.use_binary_outputs
        output.set_data_from_numpy(probabilities, binary_data=binary)
        return InferResponse(payload.id or generate_uuid(), self.name, [output], use_binary_outputs=binary)


def decode(data):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L").resize((28, 28)))


if __name__ == "__main__":
    port, workers = int(sys.argv[1]), int(sys.argv[2])
    sys.argv = sys.argv[:1]  # the SDK parses the command line too
    server = ModelServer(http_port=port, workers=workers, enable_grpc=False, enable_latency_logging=False)
    server.start([Digits("digits-mlp")])
