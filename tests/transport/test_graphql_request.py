"""Bytes that are no GraphQL request are refused with the reason; those that are come in whole."""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Code, RequestError
from gateway.execution.exchange import GraphQLRequest
from gateway.transport.limits import HttpLimits
from gateway.transport.negotiation import DEFAULT, GRAPHQL, LEGACY, negotiate
from gateway.transport.request import decode_body, decode_query_string, is_json

LIMITS = HttpLimits()


def nested(depth: int) -> bytes:
    return b'{"query":"{a}","variables":{"a":' + b"[" * depth + b"]" * depth + b"}}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b'{"query":"{a}"} x', "JSON"),
        (b"null", "`object | array`, got `null`"),
        (b"1", "`object | array`, got `int`"),
        (b'"x"', "`object | array`, got `str`"),
        (b"true", "`object | array`, got `bool`"),
        (b"{}", "missing required field `query`"),
        (b'{"query":null}', "$.query"),
        (b'{"query":1}', "$.query"),
        (b'{"query":"{a}","operationName":1}', "$.operationName"),
        (b'{"query":"{a}","variables":[]}', "$.variables"),
        (b'{"query":"{a}","variables":"{}"}', "$.variables"),
        (b'{"query":"{a}","extensions":1}', "$.extensions"),
        (b'{"query":"{a}","variables":{"a":NaN}}', "JSON"),
        (b'{"query":"{a}","variables":{"a":Infinity}}', "JSON"),
        (b'{"query":"{a}","variables":{"a":-Infinity}}', "JSON"),
        (b'{"query":"{a}","variables":{"a":1e999}}', "out of range"),
        (b'{"query":"{a}","variables":{"a":' + b"1" * 5000 + b"}}", "out of range"),
        (b'{"query":"{a}","variables":{"a":"\xff"}}', "UTF-8"),
        (b'{"query":"{a}","unknown":"\xff"}', "UTF-8"),
        (b'{"query":"{\xed\xa0\x80}"}', "UTF-8"),
        (b'{"query":"{a}","variables":{"a":"\\ud800"}}', "JSON"),
        ('{"query":"{a}"}'.encode("utf-16"), "UTF-8"),
        (nested(2_000), "deeper than 64"),
        (nested(60_000), "deeper than 64"),
        (nested(100_000), "opening brackets"),
        (nested(64), "deeper than 64"),
        (b'{"query":"{a}","extensions":' + b'{"a":' * 70 + b"1" + b"}" * 71, "deeper than 64"),
        (b"[]", "no request"),
        (b"[1]", "$[0]"),
        (b'[{"query":"{a}"},null]', "$[1]"),
        (b"[" + b",".join([b'{"query":"{a}"}'] * 11) + b"]", "more than 10"),
        (b"[" + b",".join([b'{"query":"{a}"}'] * 1_000) + b"]", "more than 10"),
    ],
)
def test_a_body_that_is_no_request_is_refused(body: bytes, message: str) -> None:
    """BAD_REQUEST, and the message names what is wrong."""
    with pytest.raises(RequestError) as caught:
        decode_body(body, LIMITS)
    assert caught.value.code is Code.BAD_REQUEST
    assert message in caught.value.message


def test_arrays_can_be_switched_off() -> None:
    """With a batch of 0 even an array of one is refused."""
    with pytest.raises(RequestError, match="singly"):
        decode_body(b'[{"query":"{a}"}]', HttpLimits(max_batch=0))


def test_a_body_comes_in_whole() -> None:
    """Every member arrives; integers beyond 64 bits stay exact; unknown members are ignored."""
    body = (
        b'{"query":"{a}","operationName":"o","variables":{"big":123456789012345678901,"n":null},'
        b'"extensions":{"x":1},"id":7}'
    )
    assert decode_body(body, LIMITS) == GraphQLRequest(
        document="{a}",
        operation_name="o",
        variables={"big": 123456789012345678901, "n": None},
        extensions={"x": 1},
    )


@pytest.mark.parametrize("body", [b'{"query":""}', b'[{"query":"{a}"},{"query":""}]'])
def test_an_empty_document_is_one_that_does_not_parse(body: bytes) -> None:
    """It is a request all the same; beside the name of a document it counts as none."""
    decoded = decode_body(body, LIMITS)
    last = decoded[-1] if isinstance(decoded, list) else decoded
    assert last.document.isspace()
    assert decode_query_string(b"query=", LIMITS).document.isspace()
    named = decode_body(b'{"query":"","documentId":"x"}', LIMITS)
    assert named == GraphQLRequest(document_id="x")


def test_nulls_and_duplicate_members_are_fine() -> None:
    """`null` means absent, and of a repeated member the last one counts."""
    body = b'{"query":"{a}","query":"{b}","operationName":null,"variables":null,"extensions":null}'
    assert decode_body(body, LIMITS) == GraphQLRequest(document="{b}")


def test_values_may_nest_up_to_the_limit() -> None:
    """The variables object counts as a level; a text full of brackets nests nothing."""
    assert isinstance(decode_body(nested(63), LIMITS), GraphQLRequest)
    text = b'{"query":"' + b"{" * 5_000 + b'"}'
    assert isinstance(decode_body(text, LIMITS), GraphQLRequest)


@pytest.mark.parametrize(
    ("query_string", "message"),
    [
        ("", "'query' is missing"),
        ("variables={}", "'query' is missing"),
        ("query={a}&query={b}", "twice"),
        ("query={a}&variables=[]", "'variables'"),
        ("query={a}&variables=1", "'variables'"),
        ("query={a}&variables={", "'variables'"),
        ("query={a}&variables={%22a%22:NaN}", "'variables'"),
        ("query={a}&extensions=%22x%22", "'extensions'"),
        ("query={a}&variables=" + '{"a":' * 3_000 + "1" + "}" * 3_000, "deeper"),
        ("query={a}&variables=" + '{"a":' * 70 + "1" + "}" * 70, "deeper"),
        ("query=%ff", "UTF-8"),
        ("query=%ed%a0%80", "UTF-8"),
        ("&".join(f"x{i}=1" for i in range(50)), "16 parameters"),
    ],
)
def test_a_query_string_that_is_no_request_is_refused(query_string: str, message: str) -> None:
    """BAD_REQUEST, and the message names the parameter."""
    with pytest.raises(RequestError) as caught:
        decode_query_string(query_string.encode(), HttpLimits(max_query_string_bytes=100_000))
    assert caught.value.code is Code.BAD_REQUEST
    assert message in caught.value.message


def test_a_query_string_that_is_not_ascii_is_refused() -> None:
    """Raw bytes beyond ASCII are no URL."""
    with pytest.raises(RequestError, match="UTF-8"):
        decode_query_string(b"query=\xc3\xa4", LIMITS)


def test_a_long_query_string_is_refused_undecoded() -> None:
    """PAYLOAD_TOO_LARGE, even if nothing in it would decode."""
    with pytest.raises(RequestError) as caught:
        decode_query_string(b"\xff" * 20_000, LIMITS)
    assert caught.value.code is Code.PAYLOAD_TOO_LARGE


def test_a_query_string_comes_in_whole() -> None:
    """Percent-encoding and plus are undone; empty optional parameters are absent ones."""
    request = decode_query_string(
        b"query=query+o%7Ba%7D&operationName=o&variables=" + quote('{"ä":1}').encode(), LIMITS
    )
    assert request == GraphQLRequest("query o{a}", "o", {"ä": 1}, None)
    bare = decode_query_string(b"query={a}&operationName=&variables=&extensions=&other=1", LIMITS)
    assert bare == GraphQLRequest("{a}")


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["query", "variables", "a"]), inner, max_size=3),
).map(lambda value: repr(value).replace("'", '"').encode()))  # fmt: skip
@settings(deadline=None, max_examples=300)
def test_any_bytes_decode_or_are_refused(body: bytes) -> None:
    """Nothing but `RequestError` ever leaves, with a message that can be sent."""
    for decode in (decode_body, decode_query_string):
        try:
            decode(body, LIMITS)
        except RequestError as error:
            assert orjson.dumps(error.message)  # noqa: PT017 - refusal is one of two right outcomes


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"application/json", True),
        (b"Application/JSON; Charset=UTF-8", True),
        (b'application/json; charset="utf-8"', True),
        (b"application/json;foo=bar", True),
        (b"application/json; charset=utf-16", False),
        (b"application/jsonp", False),
        (b"application/graphql", False),
        (b"text/plain", False),
        (b"text/plain; application/json", False),
        (b"multipart/form-data; boundary=application/json", False),
        (b"application/json" + b";" * 10_000, False),
        (b"", False),
    ],
)
def test_only_json_in_utf8_is_json(content_type: bytes, *, expected: bool) -> None:
    """What a form of another site could send never counts."""
    assert is_json(content_type) is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, DEFAULT),
        (b"", DEFAULT),
        (b"*/*", DEFAULT),
        (b"application/*", DEFAULT),
        (b"application/json", LEGACY),
        (b"application/graphql-response+json", GRAPHQL),
        (b"application/json, application/graphql-response+json", GRAPHQL),
        (b"application/graphql-response+json;q=0.5, application/json", LEGACY),
        (b"application/json;q=0.9, */*", DEFAULT),
        (b"text/html, application/xhtml+xml, */*;q=0.8", DEFAULT),
        (b"APPLICATION/JSON; charset=UTF-8", LEGACY),
        (b"text/plain, application/json;q=0.1", LEGACY),
    ],
)
def test_the_client_gets_the_type_it_likes_best(accept: bytes | None, expected: object) -> None:
    """Quality first, then the most specific type."""
    assert negotiate(accept) is expected


@pytest.mark.parametrize(
    "accept",
    [
        b"text/html",
        b"application/xml",
        b"application/json;q=0",
        b"application/json;q=nonsense",
        b"application/json;q=nan",
        b"application/json; charset=utf-16",
        b"text/html," * 1_000 + b"*/*",
        b",",
    ],
)
def test_a_client_we_cannot_please_is_told_so(accept: bytes) -> None:
    """NOT_ACCEPTABLE rather than a type it did not ask for."""
    with pytest.raises(RequestError) as caught:
        negotiate(accept)
    assert caught.value.code is Code.NOT_ACCEPTABLE
