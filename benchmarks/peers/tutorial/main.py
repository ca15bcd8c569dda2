"""The application that tutorials build: FastAPI, UploadFile, Pillow, one inference for each request."""

import io
from pathlib import Path

import numpy as np
import onnxruntime
from fastapi import FastAPI, UploadFile
from PIL import Image
from pydantic import BaseModel

MODEL = Path(__file__).parents[3] / "models/digits-mlp/1/model.onnx"

app = FastAPI()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])


class Images(BaseModel):
    instances: list[list[list[int]]]


@app.post("/predict")
async def predict(file: UploadFile):
    picture = Image.open(io.BytesIO(await file.read())).convert("L").resize((28, 28))
    (probabilities,) = session.run(["probabilities"], {"image": np.asarray(picture)[np.newaxis]})
    return {"digit": int(probabilities[0].argmax()), "probabilities": probabilities[0].tolist()}


@app.post("/predict_many")
async def predict_many(images: Images):
    (probabilities,) = session.run(["probabilities"], {"image": np.array(images.instances, np.uint8)})
    return {"predictions": probabilities.tolist()}
