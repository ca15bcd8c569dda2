"""Verifies that a version is signed by the owner of a key: OpenSSF model signing with a key pair, without a network.

    model.sig    {"dsseEnvelope": {"payload": the statement, "signatures": [{"sig": over DSSE's encoding of it}]}, ...}
    statement    {"predicate": {"resources": [{"name": a file, "algorithm": "sha256", "digest": ...}, ...]}, ...}

OpenSSF's own library signs (`python -m training sign`). It could verify too, but its import takes 43 MB and 0.40 s,
that of the one package needed here 11 MB and 0.06 s. It also reads the files itself, and these need not be the bytes
that are served.

Sources: the specifications of the Sigstore bundle, of DSSE, and of the in-toto statement.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson

from app.errors import StartupError
from app.repository.files import read_file

if TYPE_CHECKING:  # imported where it is used: without required signatures it takes no memory
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

SIGNATURE_FILE = "model.sig"
PAYLOAD_TYPE = b"application/vnd.in-toto+json"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
DIGESTS = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}  # by elliptic curve


class SignatureRefused(Exception):
    """The signature does not cover these files, or was made with another key. The message continues "model.sig"."""


@dataclass(frozen=True)
class Signer:
    """Who must have signed every version, known by a public key."""

    key: EllipticCurvePublicKey

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a PEM file. Raises `StartupError` unless it holds a public key of P-256, P-384 or P-521."""
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(read_file(path))
        except OSError as error:
            raise StartupError(f"the public key {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise StartupError(f"{path} is not a public key in PEM format") from error
        if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in DIGESTS:
            raise StartupError(f"{path} is not a public key of P-256, P-384 or P-521: create one with openssl ecparam")
        return cls(key)

    def check(self, bundle: bytes, files: Mapping[str, bytes]) -> None:
        """Raises `SignatureRefused` unless each of these files was signed with exactly these bytes."""
        digests = digests_of(self.verified_payload(bundle))
        for name, content in files.items():
            if name not in digests:
                raise SignatureRefused(f"does not cover {name}")
            if digests[name] != hashlib.sha256(content).hexdigest():
                raise SignatureRefused(f"was made for another {name}")

    def verified_payload(self, bundle: bytes) -> bytes:
        """The signed payload. Raises `SignatureRefused` if the signature is not valid."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        try:
            envelope = orjson.loads(bundle)["dsseEnvelope"]
            payload = base64.b64decode(envelope["payload"], validate=True)
            signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        except (ValueError, LookupError, TypeError) as error:
            raise SignatureRefused("is not a model signature") from error
        digest = getattr(hashes, DIGESTS[self.key.curve.name])()
        try:
            self.key.verify(signature, pre_authentication_encoding(payload), ECDSA(digest))
        except InvalidSignature as error:
            raise SignatureRefused("was not made with the required key") from error
        return payload


def pre_authentication_encoding(payload: bytes) -> bytes:
    """What DSSE signs: the payload with its type, so that it cannot pass for a payload of another type."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(payload), payload)


def digests_of(payload: bytes) -> dict[str, Any]:
    """The SHA-256 of each file in the statement. Raises `SignatureRefused` if the payload is not a statement."""
    try:
        statement = orjson.loads(payload)
        resources = statement["predicate"]["resources"] if statement["predicateType"] == PREDICATE_TYPE else []
        return {file["name"]: file["digest"] for file in resources if file["algorithm"] == "sha256"}
    except (ValueError, LookupError, TypeError) as error:
        raise SignatureRefused("holds no statement about a model") from error
