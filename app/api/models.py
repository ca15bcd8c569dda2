"""The served models with their manifests, and their graphs for a browser to run."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.openapi import problems
from app.api.state import state_of
from app.codecs.bodies import BINARY
from app.codecs.tensors import SCALE_RULE
from app.errors import ModelNotFound, ModelRefused, ModelUnreadable, Unavailable
from app.inference.session import Device, Precision
from app.repository.audit import Audit
from app.repository.manifest import Manifest
from app.repository.servable import Servable

router = APIRouter(tags=["digits"])


class Model(BaseModel):
    """A served version."""

    device: Device = Field(description="The device the model really runs on.")
    precision: Precision = Field(description="Of the graph that really runs: model.onnx or model.int8.onnx.")
    scale: str = Field(SCALE_RULE, description="What numbers that are sent as images mean.")
    manifest: Manifest
    audit: Audit | None = Field(
        default=None,
        exclude_if=lambda audit: audit is None,
        description="The figures of the version's last audit; absent if it has none. docs/trust.md explains them.",
    )


class ModelList(BaseModel):
    default: str
    models: list[Model]


@router.get("/models", operation_id="list_models")
async def list_models(request: Request) -> ModelList:
    """Every served version, with its manifest."""
    repository = state_of(request).repository
    return ModelList(default=repository.default_model, models=[describe(servable) for servable in repository])


@router.get("/models/{name}", operation_id="get_model", responses=problems(ModelNotFound))
async def get_model(request: Request, name: str) -> list[Model]:
    """The served versions of one model, the oldest first."""
    versions = state_of(request).repository.versions(name)
    return [describe(versions[version]) for version in sorted(versions)]


@router.get(
    "/models/{name}/{version}/model.onnx",
    operation_id="get_graph",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": BINARY}}, **problems(ModelNotFound, Unavailable)},
)
async def get_graph(request: Request, name: str, version: str) -> Response:
    """The float32 graph of a version, an ONNX file, for a browser to run. The version may be a label."""
    repository = state_of(request).repository
    servable = repository.resolve(name, version)
    try:
        content = await repository.read_graph(servable)
    except ModelUnreadable as error:
        raise Unavailable(f"The graph cannot be read now: {error}. Retry later.") from error
    except ModelRefused as error:  # deleted or replaced on disk; the version is still served from memory
        raise ModelNotFound(
            f"The graph of {name}/{version} is no longer on disk: request another version, or retry later."
        ) from error
    return Response(content, media_type="application/octet-stream")


def describe(servable: Servable) -> Model:
    model = servable.model
    return Model(device=model.device, precision=model.precision, manifest=servable.manifest, audit=servable.audit)
