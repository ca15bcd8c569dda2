"""Signs a version for services with `require_signature_by`: OpenSSF model signing with a key pair, offline."""

from __future__ import annotations

from pathlib import Path

from app.errors import ModelRefused
from app.repository.manifest import read_version
from app.repository.signature import SIGNATURE_FILE
from training.errors import SigningError


def sign(version: Path, private_key: Path) -> Path:
    """Signs every file of models/<name>/<version>, card and diagrams too. Returns the path of the signature.

    The key is a PEM file with a P-256, P-384 or P-521 key, without a password. Raises `SigningError`, also for a
    version that every service would refuse.
    """
    try:
        from model_signing import hashing, signing
    except ImportError as error:
        raise SigningError(f"signing needs the extra `signing`, with model-signing: {error}") from error
    try:
        read_version(version.resolve())
        signer = signing.Config().use_elliptic_key_signer(private_key=private_key)  # type: ignore[no-untyped-call]
    except ModelRefused as error:
        raise SigningError(str(error)) from error
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # the last two: with a password, not elliptic
        raise SigningError(f"{private_key} is not a usable private key: {error}") from error
    signature = version / SIGNATURE_FILE
    files = hashing.Config().set_ignored_paths(paths=[SIGNATURE_FILE])  # type: ignore[no-untyped-call]
    signer.set_hashing_config(files).sign(version, signature)
    return signature
