"""The audit of a version: the key figures of the report that `python -m training audit` wrote beside the graph.

The service shows it and decides nothing by it. A version without an audit, or with one that cannot be trusted, is
served like any other.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from app.json_encoding import utf8_json
from app.repository.files import read_file
from app.repository.manifest import Manifest, Metric, Timestamp, first_problem
from app.repository.signature import SIGNATURE_FILE, SignatureRefused, Signer

AUDIT_FILE = "audit.json"

logger = logging.getLogger(__name__)


class Audit(BaseModel):
    """What `python -m training audit` measured of a version."""

    model_config = ConfigDict(extra="forbid")

    sha256: str = Field(description="Of the model.onnx that was audited.")
    date: Timestamp = Field(description="ISO 8601, UTC.")
    commit: str | None = Field(description="The git commit of the code that audited; `-dirty` if files differed.")
    tools: dict[str, str] = Field(description="The versions of the libraries that measured.")
    quick: bool = Field(description="Whether it was measured on few pictures, to test the audit itself.")
    figures: list[Metric]
    findings: list[str] = Field(description="What the graph or the gradients should not have; empty: nothing found.")
    not_run: dict[str, str] = Field(description="Why a check did not run, by its name.")


def read_audit(folder: Path, manifest: Manifest, signer: Signer | None) -> Audit | None:
    """The audit of the version; None if it has none, or one that is not about its graph or not signed.

    With a signer, the signature must cover the audit as it covers the graph. Why one is not shown is logged.
    """
    try:
        content = read_file(folder / AUDIT_FILE)
        if signer:
            signer.check(read_file(folder / SIGNATURE_FILE), {AUDIT_FILE: content})
        audit = Audit.model_validate_json(utf8_json(content))
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    except SignatureRefused as error:
        problem = f"cannot be trusted: {SIGNATURE_FILE} {error}"
    except ValueError as error:
        problem = f"is {first_problem(error)}"
    else:
        if audit.sha256 == manifest.sha256:
            return audit
        problem = "is about another graph: audit the version again"
    logger.warning("not shown: %s of %s/%s %s", AUDIT_FILE, manifest.name, manifest.version, problem)
    return None
