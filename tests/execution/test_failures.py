"""Failures inside finished bytes: a marker where each happened, null and a path when it is told."""

from __future__ import annotations

from typing import Any

import orjson
from graphql import parse

from gateway.errors import Code, PlaitError, SourceTimeout
from gateway.execution.failures import MAX_ERRORS, Failures, error_entries, ours
from gateway.schema.selection import Field

DOCUMENT: Any = parse("{\n  animal { visits }\n}").definitions[0]
VISITS = DOCUMENT.selection_set.selections[0].selection_set.selections[0]
FIELD = Field("visits", "visits", None, (VISITS,))


def test_markers_become_nulls_with_paths() -> None:
    """In document order, at any depth, the value itself included."""
    failures = Failures()
    assert not failures
    late, lost = SourceTimeout("late"), PlaitError("lost", extensions={"hint": 1})
    first, second = failures.mark(late, FIELD), failures.mark(lost, FIELD)
    assert failures
    value, errors = failures.locate(b'{"a":[1,%s],"b":{"c":%s}}' % (second, first), ["root"])
    assert value == b'{"a":[1,null],"b":{"c":null}}'
    assert [(error["message"], error["path"]) for error in errors] == [
        ("lost", ["root", "a", 1]),
        ("late", ["root", "b", "c"]),
    ]
    assert errors[0]["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "hint": 1}
    assert errors[1]["locations"] == [{"line": 2, "column": 12}]
    assert failures.locate(first, ["x"]) == (
        b"null",
        error_entries(late, ["x"], FIELD),
    )


def test_a_value_without_a_marker_is_not_touched() -> None:
    """Not even its white space."""
    failures = Failures()
    failures.mark(SourceTimeout("late"), FIELD)
    text = b'{ "a" : "x:0" }'
    assert failures.locate(text, []) == (text, [])


def test_no_text_of_a_source_is_taken_for_a_marker() -> None:
    """A marker holds a token that no source can know; another process's is only text."""
    failures = Failures()
    marker = failures.mark(SourceTimeout("late"), FIELD)
    foreign = b'"' + b"0" * 32 + b':0"'
    value, errors = failures.locate(b"[%s,%s]" % (foreign, marker), [])
    assert orjson.loads(value) == ["0" * 32 + ":0", None]
    assert len(errors) == 1


def test_errors_are_bounded_and_nulls_are_not() -> None:
    """A thousand failures are told a hundred times, and none leaves its marker behind."""
    failures = Failures()
    marker = failures.mark(SourceTimeout("late"), FIELD)
    value, errors = failures.locate(b"[" + b",".join([marker] * 1000) + b"]", [])
    assert len(errors) == MAX_ERRORS
    assert orjson.loads(value) == [None] * 1000


def test_our_errors_stay_and_others_are_masked() -> None:
    """What is masked has an id and no word of its own."""
    own = SourceTimeout("late")
    assert ours(own) is own
    masked = ours(ValueError("postgres://root:hunter2@db"))
    assert masked.code is Code.INTERNAL_SERVER_ERROR
    assert masked.message == "Internal error."
    assert masked.extensions["errorId"]
    assert "hunter2" not in str(masked.extensions)
