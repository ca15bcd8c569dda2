"""API keys as the settings hold them."""

from __future__ import annotations

import hashlib


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
