"""KServe's Python server with a model of one's own; pictures as base64 in V1, tensors in V2."""

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

make_config = uvicorn.Config.__init__


@functools.wraps(make_config)
def on_this_machine_alone(self, *args, **kwargs):
    """The SDK binds every interface and has no option for it."""
    make_config(self, *args, **{**kwargs, "host": "127.0.0.1"})


uvicorn.Config.__init__ = on_this_machine_alone


class Digits(Model):
    def __init__(self, name):
        super().__init__(name)
        self.session = None
        self.ready = True

    def run(self, images):
        # Not at the start: with several workers the model is pickled for them, and a session cannot be.
        if self.session is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
        (probabilities,) = self.session.run(["probabilities"], {"image": images})
        return probabilities

    def predict(self, payload, headers=None, response_headers=None):
        if isinstance(payload, dict):
            images = [decode(each["image"]["b64"]) for each in payload["instances"]]
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
    sys.argv = sys.argv[:1]  # the SDK reads the command line too
    server = ModelServer(http_port=port, workers=workers, enable_grpc=False, enable_latency_logging=False)
    server.start([Digits("digits-mlp")])
