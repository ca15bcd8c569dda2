"""Each thing that a graph should not have is found, wherever it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tests.support.constant_model import graph_of as constant_graph
from tests.support.odd_graphs import EXTERNAL_DATA
from tests.support.odd_graphs import graph_of as odd_graph
from training.audit import graph_scan
from training.audit.graph_scan import scan_graph


def test_nothing_is_found_in_the_published_graphs(models: Path) -> None:
    for path in models.glob("*/*/*.onnx"):
        scan = scan_graph(path.read_bytes())
        assert scan.findings == []
        assert scan.opset == 18
        assert scan.values > 100_000


@pytest.mark.parametrize("place", EXTERNAL_DATA)
def test_values_in_another_file_are_found_in_every_place(place: str) -> None:
    assert any("in another file" in finding for finding in scan_graph(EXTERNAL_DATA[place]()).findings)


def test_operator_that_is_not_on_the_list_is_found() -> None:
    assert scan_graph(constant_graph(3, activation="Hardmax")).findings == ["operator Hardmax is not on the list"]


def test_custom_domain_and_function_are_found() -> None:
    node = helper.make_node("Weights", [], ["weights"], domain="own")
    body = helper.make_node("Cast", ["image"], ["weights"], to=onnx.TensorProto.FLOAT)
    function = helper.make_function("own", "Weights", ["image"], ["weights"], [body], [helper.make_opsetid("", 17)])
    findings = scan_graph(odd_graph([node], functions=[function])).findings
    assert "operators of the domain 'own'" in findings
    assert "a function of its own: Weights" in findings


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weight_that_is_no_number_is_found(value: float) -> None:
    weights = np.zeros((784, 10), np.float32)
    weights[5, 5] = value
    graph = odd_graph(tensors=[numpy_helper.from_array(weights, "weights")])
    assert scan_graph(graph).findings == ["weights has values that are not finite"]


def test_tensor_that_is_cut_off_is_found() -> None:
    tensor = numpy_helper.from_array(np.zeros((784, 10), np.float32), "weights")
    tensor.raw_data = tensor.raw_data[:-4]
    (finding,) = scan_graph(odd_graph(tensors=[tensor])).findings
    assert finding.startswith("the values of weights cannot be read")


def test_old_opset_large_file_and_parts_for_training_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_scan, "MAX_BYTES", 1000)
    model = onnx.load_from_string(constant_graph(3))
    model.opset_import[0].version = 9
    model.training_info.add()
    findings = scan_graph(model.SerializeToString()).findings
    assert "parts for training" in findings
    assert "opset 9, not 13 to 23" in findings
    assert any("more than 1,000" in finding for finding in findings)


@pytest.mark.parametrize("content", [b"no graph", b"\x0a\xff\xff\xff\xff"])
def test_file_that_is_no_graph_is_a_finding(content: bytes) -> None:
    assert scan_graph(content).findings == ["it is not an ONNX file"]
