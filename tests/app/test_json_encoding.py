"""JSON is read with a byte order mark or without, and refused in other encodings than UTF-8."""

from __future__ import annotations

import pytest

from app.json_encoding import utf8_json


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_ignored(encoding: str) -> None:
    assert utf8_json('{"é": 1}'.encode(encoding)) == '{"é": 1}'.encode()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named(encoding: str) -> None:
    with pytest.raises(ValueError, match="UTF-16"):
        utf8_json('{"a": 1}'.encode(encoding))
