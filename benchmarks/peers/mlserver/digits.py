"""MLServer: a custom runtime with adaptive batching; V2 in JSON, pictures as base64."""

import io
from pathlib import Path

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceResponse
from PIL import Image

MODEL = Path(__file__).parents[3] / "models/digits-mlp/1/model.onnx"


class Digits(MLModel):
    async def load(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload):
        tensor = payload.inputs[0]
        if tensor.datatype == "BYTES":
            images = np.stack([decode(picture) for picture in Base64Codec.decode_input(tensor)])
        else:
            images = NumpyCodec.decode_input(tensor)
        (probabilities,) = self.session.run(["probabilities"], {"image": images})
        output = NumpyCodec.encode_output("probabilities", probabilities)
        return InferenceResponse(model_name=self.name, outputs=[output])


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("L").resize((28, 28)))
