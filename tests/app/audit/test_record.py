"""A record is one line of JSON, which holds the hash of the line before it."""

from __future__ import annotations

import json

from app.audit.record import FIRST_PREVIOUS, MAX_LINE, MAX_TEXT, Record, shorten


def test_a_record_is_one_line_without_what_it_does_not_say() -> None:
    record = Record(
        act="load", subject="digits/8", outcome="done", cause="poll", seq=1, time="now", previous=FIRST_PREVIOUS
    )
    line = record.to_line()
    assert list(json.loads(line)) == ["seq", "time", "act", "subject", "outcome", "reason", "cause", "previous"]
    assert Record.model_validate_json(line) == record


def test_a_line_break_in_a_reason_does_not_begin_another_record() -> None:
    record = Record(act="load", subject="a\nb", outcome="done", seq=1, time="now", previous=FIRST_PREVIOUS)
    assert b"\n" not in record.to_line()


def test_the_longest_record_is_shorter_than_the_longest_line() -> None:
    """The worst characters: six bytes of JSON each."""
    text = shorten("\x01" * 10 * MAX_TEXT)
    record = Record(act="load", subject=text, outcome="done", reason=text, seq=1, time="now", previous=FIRST_PREVIOUS)
    assert len(record.to_line()) < MAX_LINE
