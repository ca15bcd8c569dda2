"""JSON from outside is UTF-8, with a byte order mark or without. Source: RFC 8259, section 8.1."""

from __future__ import annotations

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16; that of UTF-32 has a zero too


def utf8_json(content: bytes) -> bytes:
    """Without the mark. Raises `ValueError` for UTF-16 and UTF-32; its message continues "<what it is> is"."""
    if b"\0" in content[:4] or content.startswith(OTHER_MARKS):
        raise ValueError("in UTF-16 or UTF-32, as PowerShell's > writes it: use UTF-8")
    return content.removeprefix(BYTE_ORDER_MARK)
