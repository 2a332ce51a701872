"""What is too large is refused, early, whatever its shape; and checking never costs much."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from graphql import get_introspection_query
from worst_documents import worst_documents, worst_schema

from gateway.documents import limits as limits_module
from gateway.documents import store as store_module
from gateway.documents.limits import DocumentLimits, scan
from gateway.documents.refusal import InvalidDocument
from gateway.documents.store import DocumentStore
from gateway.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable


CHAIN = "{...f} fragment f on Query{...g} fragment g on Query{...h} fragment h on Query{b}"


@pytest.fixture(scope="module")
def store() -> DocumentStore:
    return DocumentStore(worst_schema())


def refusal(call: Callable[[], object]) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("aliases", "{" + " ".join(f"x{i}:b" for i in range(10_000)) + "}"),
        ("repeated fields", "{" + " b" * 10_000 + "}"),
        ("tokens", "{" + " b" * 100_000 + "}"),
        ("directives", "{b" + " @d" * 10_000 + "}"),
        ("nested fields", "{" + "c{" * 5_000 + "b" + "}" * 5_001),
        ("nested lists", "{a(f:" + "[" * 5_000 + "]" * 5_000 + "){b}}"),
        ("nested objects", "{a(f:" + "{not:" * 5_000 + "{}" + "}" * 5_000 + "){b}}"),
        ("comment", "#" + "x" * 1_000_000 + "\n{b}"),
        ("text", '{a(s:"' + "x" * 1_000_000 + '"){b}}'),
        ("block text", '{a(s:"""' + "x" * 1_000_000 + '"""){b}}'),
        ("comments", "#\n" * 10_000 + "{b}"),
    ],
)
def test_floods_are_refused_before_parsing(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    """Each flood is a DOCUMENT_LIMIT_EXCEEDED, and the parser never sees it."""

    def never(*_args: Any, **_kwargs: Any) -> None:
        pytest.fail(f"{name} reached the parser")

    monkeypatch.setattr(store_module, "parse", never)
    assert refusal(lambda: store.load(text)).code is Code.DOCUMENT_LIMIT_EXCEEDED


def test_text_beyond_its_length_is_not_even_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte costs a length check: the token pattern is not tried."""
    monkeypatch.setattr(limits_module, "_TOKEN", None)
    assert "longer than" in refusal(lambda: scan("#" * 1_000_000, DocumentLimits())).message


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("{a}", 3),
        ('{a(s:"} } \\" {")}', 8),
        ('{a(s:"""} " \\""" {""")}', 8),
        ("{a # } } }\n}", 4),
        ("{a(x:-1.5e3)...on T@d{b}}", 16),
        ('"unterminated { { {', 1),
        ('"""unterminated { { {', 1),
    ],
)
def test_scan_counts_as_a_lexer_does(text: str, tokens: int) -> None:
    """Strings, block strings and comments are one token, and brackets in them do not nest."""
    assert scan(text, DocumentLimits(max_nesting=3)) == tokens


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ("max_depth", "{a{a{a{b}}}}"),
        ("max_depth", "{a{...f}} fragment f on Query{a{a{b}}}"),
        ("max_depth", "{a{...{...on Query{a{a{b}}}}}}"),
        ("max_root_fields", "{b x:b y:b z:b}"),
        ("max_root_fields", "{b ...f ...f} fragment f on Query{b ...{b}}"),
        ("max_aliases", "{x:b a{y:b z:b w:b}}"),
        ("max_aliases", "{x:a{...f} y:a{...f}} fragment f on Query{z:b}"),
        ("max_directives", "{b @d @d @d @d}"),
        ("max_directives", "{a{...f @d} c{...f @d}} fragment f on Query{b @d}"),
        ("max_fields", "{a{b b b}}"),
        ("max_fields", "{a{...f ...f}} fragment f on Query{b b}"),
        ("max_nesting", "{...{...{...{b}}}}"),
        ("max_nesting", CHAIN),
        ("max_operations", "query a{b} query b{b} query c{b} query d{b}"),
        ("max_tokens", "{b b}"),
        ("max_chars", "{b }"),
    ],
)  # fmt: skip
def test_each_limit_refuses_just_beyond_it(limit: str, text: str) -> None:
    """With the limit at three the document is refused by it; every other limit lets it pass."""
    document_limits = DocumentLimits(**{limit: 3})
    error = refusal(lambda: DocumentStore(worst_schema(), document_limits).load(text))
    assert error.code is Code.DOCUMENT_LIMIT_EXCEEDED
    assert " 3" in error.message
    assert DocumentStore(worst_schema()).load(text).text == text


def test_each_limit_accepts_what_just_meets_it() -> None:
    """Limits are the largest value allowed, not the first one refused."""
    text = "query q{a{x:b @d ...f}} fragment f on Query{y:b @d}"
    exact = DocumentLimits(
        max_chars=len(text),
        max_tokens=25,
        max_nesting=3,
        max_operations=1,
        max_depth=2,
        max_fields=3,
        max_root_fields=1,
        max_aliases=2,
        max_directives=2,
    )
    assert DocumentStore(worst_schema(), exact).load(text).text == text


@pytest.mark.parametrize(
    ("text", "circle"),
    [
        ("{...f} fragment f on Query{...f}", "f → f"),
        ("{b} fragment f on Query{a{...g}} fragment g on Query{b ...f}", "f → g → f"),
    ],
)
def test_circular_fragments_are_refused(store: DocumentStore, text: str, circle: str) -> None:
    """A circle is named and located, also one that no operation reaches."""
    error = refusal(lambda: store.load(text))
    assert error.code is Code.GRAPHQL_VALIDATION_FAILED
    names = circle.split(" → ")
    turned = [*names[1:], names[1 % len(names)]]
    assert circle in error.message or " → ".join(turned) in error.message
    assert error.locations


def test_fragments_that_double_are_counted_not_expanded(store: DocumentStore) -> None:
    """Sixty fragments, each spreading the next twice, are 2⁶⁰ fields: refused, at once."""
    links = "".join(f"fragment f{i} on Query{{...f{i + 1} ...f{i + 1}}}" for i in range(60))
    error = refusal(lambda: store.load("{a{...f0}}" + links + "fragment f60 on Query{b}"))
    assert "fields" in error.message


def test_merging_repeated_fields_stops_at_its_budget(store: DocumentStore) -> None:
    """Validation that would compare many thousand pairs of fields stops with a limit error."""
    error = refusal(lambda: store.load("{a{" + "a{b}" * 300 + "}}"))
    assert error.code is Code.DOCUMENT_LIMIT_EXCEEDED
    assert "same name" in error.message


def test_the_introspection_query_of_every_tool_is_within_the_limits(store: DocumentStore) -> None:
    """The fullest standard introspection query is accepted under the defaults."""
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    assert store.load(query).operation(None).kind == "query"


def test_no_document_costs_much_to_check() -> None:
    """Worst cases of every kind and size: the work to accept or refuse one is bounded.

    Counted in calls of functions (Python's and C's), at about 80 ns each on the slow machine that
    the limits were set on: half a million are 40 ms.
    """
    schema = worst_schema()
    DocumentStore(schema).load("{b}")
    accepted = 0
    for name, text in worst_documents():
        calls, was_accepted = calls_to_load(DocumentStore(schema), text)
        accepted += was_accepted
        assert calls < 500_000, name
    assert accepted > 100  # the limits refuse the extremes only


def calls_to_load(store: DocumentStore, text: str) -> tuple[int, bool]:
    """How many functions are called to check `text`, and whether it is accepted."""
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        store.load(text)
    except InvalidDocument:
        return calls, False
    else:
        return calls, True
    finally:
        sys.setprofile(None)
