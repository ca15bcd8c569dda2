"""Model versions that predict the same digit for every image, so that a response shows which version made it."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE
from app.repository.version_folders import newest_version
from tests.conftest import ROOT

TEMPLATE = newest_version(ROOT / "models", "digits-mlp") / MANIFEST_FILE
HIDDEN = 256  # 800 kB of weights, as much as a real model's


@functools.cache
def graph_of(digit: int, classes: int = 10, batch: str | int = "batch", activation: str = "Softmax") -> bytes:
    """uint8 (batch, 28, 28) -> (batch, classes), with all probability on one digit, whatever the image."""
    constants = {
        "flat": np.array([-1, 784], np.int64),
        "weights": np.zeros((784, HIDDEN), np.float32),
        "onto": np.zeros((HIDDEN, classes), np.float32),
        "bias": np.eye(classes, dtype=np.float32)[digit] * 20,
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["pixels", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "onto"], ["zeros"]),
        helper.make_node("Add", ["zeros", "bias"], ["logits"]),
        helper.make_node(activation, ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [batch, 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [batch, classes])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def write_version(family: Path, version: int, graph: bytes | None = None) -> Path:
    """Writes models/<name>/<version>, the graph first. Without a graph: one that predicts the version's last digit."""
    graph = graph or graph_of(version % 10)
    folder = family / str(version)
    folder.mkdir(parents=True)
    (folder / GRAPH_FILE).write_bytes(graph)
    manifest = json.loads(TEMPLATE.read_text())
    changes = {
        "name": family.name,
        "version": version,
        "sha256": hashlib.sha256(graph).hexdigest(),
        "bytes": len(graph),
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest | changes))
    return folder
