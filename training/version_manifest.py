"""What a version's manifest says: its graphs and their figures, its data, and what it was made from."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any, NamedTuple

import onnx

from app.inference.session import Model
from app.repository.manifest import Manifest, Metric, Parent, QuantizedGraph, Tensor
from training.adaptation.outcome import Outcome
from training.compression import CALIBRATION, read_metadata
from training.datasets.mnist import DIGESTS, Split
from training.evaluation.comparison import agree, measure_speed, speed_metrics
from training.evaluation.robustness import RobustnessResult
from training.privacy.record import PrivacyRecord
from training.provenance import commit, creation_date, machine_kind
from training.reporting.results import RunResults
from training.runs import read_config, read_data

# Those whose versions can change the weights or the graph.
LIBRARIES = ("tensorflow", "keras", "onnx", "tf2onnx", "numpy")


class Origin(NamedTuple):
    """The recipe that a run was made by."""

    recipe: str  # its text
    parents: Sequence[Parent]  # all that the run was made from, and the run itself


class Results(NamedTuple):
    """Of one graph."""

    on_validation: RunResults
    on_test: RunResults  # with the test sets

    @property
    def graph(self) -> bytes:
        return self.on_test.exported.graph


def build_manifest(
    results: Results, int8: Results | None, data: dict[str, Any], version: int, origin: Origin | None
) -> Manifest:
    config, exported = results.on_test.config, results.on_test.exported
    graph = onnx.load_from_string(exported.graph).graph
    return Manifest(
        name=config.name,
        version=version,
        created=creation_date(),
        labels=list(config.labels),
        inputs=[describe_tensor(value) for value in graph.input],
        outputs=[describe_tensor(value) for value in graph.output],
        sha256=hashlib.sha256(exported.graph).hexdigest(),
        bytes=len(exported.graph),
        parameters=exported.parameters,
        threshold=exported.calibration.threshold,
        temperature=exported.calibration.temperature,
        data={**data, "calibration": exported.calibration.data},
        seed=config.seed,
        config=config.to_dict(),
        libraries={"python": platform.python_version()} | {name: library_version(name) for name in LIBRARIES},
        metrics=measured(results),
        parity=exported.parity,
        int8=int8 and describe_int8(results, int8),
        commit=commit(),
        machine=machine_kind(),
        recipe=origin and origin.recipe,
        parents=list(origin.parents) if origin else [],
    )


def describe_int8(float32: Results, int8: Results) -> QuantizedGraph:
    """What the manifest says of the very file beside it."""
    on_test, graph = int8.on_test, int8.graph
    models = [Model(results.graph, device="cpu") for results in (float32, int8)]
    return QuantizedGraph(
        sha256=hashlib.sha256(graph).hexdigest(),
        bytes=len(graph),
        calibration=read_metadata(graph)[CALIBRATION],
        metrics=[*measured(int8), *speed_metrics(measure_speed(models))],
        agreement=agree(float32.on_test.probabilities, on_test.probabilities, describe_digits(on_test)),
    )


def measured(results: Results) -> list[Metric]:
    on_validation, on_test = results
    return [
        accuracy(on_validation),
        accuracy(on_test),
        calibration_error(on_test),
        *robustness_metrics(on_test.robustness),
    ]


def accuracy(results: RunResults) -> Metric:
    evaluation = results.evaluation
    return Metric(
        name="accuracy", value=evaluation.accuracy, data=describe_digits(results), interval=evaluation.interval
    )


def calibration_error(results: RunResults) -> Metric:
    value = results.evaluation.calibration_error
    return Metric(name="expected_calibration_error", value=value, data=describe_digits(results))


def robustness_metrics(results: Sequence[RobustnessResult]) -> Iterator[Metric]:
    """Of digits accuracy and calibration error, of non-digits the share refused and AUROC."""
    for result in results:
        data = f"{result.test_set}, {result.n:,} pictures"
        name = "accuracy" if result.auroc is None else "share_refused"
        yield Metric(name=name, value=result.correct, data=data, interval=result.interval)
        if result.calibration_error is not None:
            yield Metric(name="expected_calibration_error", value=result.calibration_error, data=data)
        if result.auroc is not None:
            yield Metric(name="auroc", value=result.auroc, data=f"{data}, against MNIST's test digits")


def describe_digits(results: RunResults) -> str:
    return f"{results.data_name}, {results.evaluation.n:,} digits"


def describe_data(run: Path, data: Split) -> dict[str, Any]:
    """MNIST's digests and split, and what the synthetic dataset held when the run was trained on it."""
    return {
        "name": "MNIST",
        "licence": "CC BY-SA 3.0",
        "sha256": DIGESTS,
        "split": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        **({"bank": read_data(run).get("bank")} if read_config(run).bank else {}),
        **({"federated": read_data(run).get("federated")} if read_config(run).federated else {}),
        **({"privacy": PrivacyRecord.read(run).to_dict()} if read_config(run).is_private else {}),
        **({"adaptation": Outcome.read(run).to_dict()} if read_config(run).own_pictures else {}),
    }


def describe_tensor(value: onnx.ValueInfoProto) -> Tensor:
    tensor_type = value.type.tensor_type
    return Tensor(
        name=value.name,
        dtype=onnx.helper.tensor_dtype_to_np_dtype(tensor_type.elem_type).name,
        shape=[dimension.dim_param or dimension.dim_value for dimension in tensor_type.shape.dim],
    )
