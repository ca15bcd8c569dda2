"""Whether what is served is what somebody signed: OpenSSF's model signing, with a key pair and without a network.

    model.sig    {"dsseEnvelope": {"payload": the statement, "signatures": [{"sig": over DSSE's encoding of it}]}, ...}
    statement    {"predicate": {"resources": [{"name": a file, "algorithm": "sha256", "digest": ...}, ...]}, ...}

OpenSSF's own library signs (`python -m training sign`). It could verify too, but takes 43 MB and 0.40 s only to be
imported, where the one package behind it that knows keys takes 11 MB and 0.06 s, and it reads the files on its own,
which then need not be the bytes that are served.

Sources: the specifications of Sigstore's bundle, of DSSE and of in-toto's statement.
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

if TYPE_CHECKING:  # imported where it is used: whoever asks for no signatures does without its memory
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

SIGNATURE = "model.sig"
PAYLOAD_TYPE = b"application/vnd.in-toto+json"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}  # with the digest that goes with each


class SignatureRefused(Exception):
    """It is not of these files, or not by this key. The message goes on after the signature's name."""


@dataclass(frozen=True)
class Signer:
    """Whose signature is asked for, known by a public key."""

    key: EllipticCurvePublicKey

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a PEM file. Raises `StartupError` unless it holds a public key of P-256, P-384 or P-521."""
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(path.read_bytes())
        except OSError as error:
            raise StartupError(f"the public key {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise StartupError(f"{path} is no public key in PEM") from error
        if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in CURVES:
            raise StartupError(f"{path} is no public key of P-256, P-384 or P-521: make one with openssl ecparam")
        return cls(key)

    def check(self, bundle: bytes, files: Mapping[str, bytes]) -> None:
        """Raises `SignatureRefused` unless each of these files was signed, with just these bytes."""
        digests = digests_of(self.payload(bundle))
        for name, content in files.items():
            if name not in digests:
                raise SignatureRefused(f"does not cover {name}")
            if digests[name] != hashlib.sha256(content).hexdigest():
                raise SignatureRefused(f"was made for another {name}")

    def payload(self, bundle: bytes) -> bytes:
        """What was signed, once it is known that it was."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        try:
            envelope = orjson.loads(bundle)["dsseEnvelope"]
            payload = base64.b64decode(envelope["payload"], validate=True)
            signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        except (ValueError, LookupError, TypeError) as error:
            raise SignatureRefused("is no signature of a model") from error
        digest = getattr(hashes, CURVES[self.key.curve.name])()
        try:
            self.key.verify(signature, encoded(payload), ECDSA(digest))
        except InvalidSignature as error:
            raise SignatureRefused("was not made with the key that is asked for") from error
        return payload


def encoded(payload: bytes) -> bytes:
    """DSSE signs a payload together with its type, so that none passes for one of another type."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(payload), payload)


def digests_of(payload: bytes) -> dict[str, Any]:
    """The sha256 of each file that a statement is about."""
    try:
        statement = orjson.loads(payload)
        resources = statement["predicate"]["resources"] if statement["predicateType"] == PREDICATE_TYPE else []
        return {each["name"]: each["digest"] for each in resources if each["algorithm"] == "sha256"}
    except (ValueError, LookupError, TypeError) as error:
        raise SignatureRefused("holds no statement about a model") from error
