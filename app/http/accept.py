"""What a client takes, by headers such as Accept: `text/html, application/json;q=0.9` (RFC 9110, section 12.4.2)."""

from __future__ import annotations

import re

QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def qualities(header: str) -> dict[str, float]:
    """By what is named, in small letters without its parameters: 0 to 1, and 0 where the quality is malformed."""
    found = {}
    for entry in header.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        given = [parameter for parameter in parameters if parameter.startswith("q=")]
        match = QUALITY.fullmatch(given[0]) if given else None
        found[name] = float(match[1]) if match else float(not given)
    return found


def prefers(accept: str, media_type: str, to: str = "application/json") -> bool:
    """Whether a client names this type, and with no lower quality than the other. Wildcards take either."""
    wanted = qualities(accept)
    return wanted.get(media_type, 0) > 0 and wanted[media_type] >= wanted.get(to, 0)
