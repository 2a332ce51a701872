"""The application over HTTP: a bad request is told what is wrong, and nothing is executed."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from operations.stage import Addresses, Stage, fill, served

from gateway.schema import opaque

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from conftest import FreshDatabase

TYPED = "application/graphql-response+json"
LEGACY = "application/json"


@pytest.fixture(scope="module")
async def stage(
    module_database: FreshDatabase, qdrant_endpoint: str, redis_url: str
) -> AsyncIterator[Stage]:
    """The application over the data set of the golden operations."""
    redis = f"{redis_url.rpartition('/')[0]}/12"
    addresses = Addresses(await module_database(), qdrant_endpoint, redis)
    await fill(addresses)
    async with served(addresses) as running:
        yield running


class Bad(NamedTuple):
    """A request that must be refused as a whole, and the code that says why.

    `names`: what the message must contain, so that its reader finds the culprit.
    """

    query: str
    variables: Mapping[str, Any] = MappingProxyType({})
    code: str = "BAD_USER_INPUT"
    names: str = ""


HEALTHY = "healthy: trend(id: 1) { title }"
"""Stands beside the bad field, and must not run either."""

TRENDS = (
    "query ($first: Int, $last: Int, $after: String, $before: String, $where: TrendWhere) {"
    " trends(first: $first, last: $last, after: $after, before: $before, where: $where)"
    f" {{ nodes {{ title }} }} {HEALTHY} }}"
)
RANKED = TRENDS.replace("where: $where)", "where: $where, orderBy: [{rank: ASC}])")
SEARCH = (
    "query ($text: String, $vector: [Float!], $id: ID, $limit: Int! = 10, $offset: Int! = 0) {"
    " searchTrends(text: $text, vector: $vector, id: $id, limit: $limit, offset: $offset) { id }"
    f" {HEALTHY} }}"
)
POINTS = 'query ($filter: VectorFilter) { pointCount(collection: "a_embeddings", filter: $filter) }'
FILTERED = "query ($filter: TrendVectorFilter) { searchTrends(id: 1, filter: $filter) { id } }"
FILTERS: list[dict[str, Any]] = [{"hasId": [1]}]
"""Filters within filters, as many levels deep as their place says."""
for _ in range(10):
    FILTERS.append({"must": [FILTERS[-1]]})
NODE = f"query ($id: ID!) {{ node(nodeId: $id) {{ nodeId }} {HEALTHY} }}"


def nested(depth: int) -> dict[str, Any]:
    """A `where` of `not`s within `not`s."""
    where: dict[str, Any] = {"rank": {"eq": 1}}
    for _ in range(depth):
        where = {"not": where}
    return where


def where(**conditions: Any) -> Bad:
    """A list of trends under conditions that arrive in a variable."""
    return Bad(TRENDS, {"where": conditions}, names="where")


async def cursor_of(stage: Stage, arguments: str, root: str = "trends") -> str:
    """The cursor of the first row of a list."""
    query = f"{{ {root}{arguments} {{ edges {{ cursor }} }} }}"
    answer = await stage.ask(query)
    return str(answer["data"][root]["edges"][0]["cursor"])


def tampered(cursor: str, *values: str | None) -> str:
    """The same cursor with other values."""
    found = opaque.decode(cursor)
    assert found is not None
    return opaque.encode(found[0], values)


BAD = {
    # The document
    "syntax": Bad("{ trends( }", code="GRAPHQL_PARSE_FAILED"),
    "nothing at all": Bad("", code="GRAPHQL_PARSE_FAILED"),
    "only a comment": Bad("# nothing", code="GRAPHQL_PARSE_FAILED"),
    "nothing selected": Bad("{ }", code="GRAPHQL_PARSE_FAILED"),
    "nothing selected below": Bad("{ trends { } }", code="GRAPHQL_PARSE_FAILED"),
    "unknown field": Bad("{ trend(id: 1) { price } }", {}, "GRAPHQL_VALIDATION_FAILED", "price"),
    "unknown root": Bad("{ prices { id } }", {}, "GRAPHQL_VALIDATION_FAILED", "prices"),
    "unknown argument": Bad(
        "{ trends(size: 1) { totalCount } }", {}, "GRAPHQL_VALIDATION_FAILED", "size"
    ),
    "unknown condition": Bad(
        "{ trends(where: {price: {eq: 1}}) { totalCount } }", {}, "GRAPHQL_VALIDATION_FAILED"
    ),
    "missing argument": Bad("{ trend { id } }", {}, "GRAPHQL_VALIDATION_FAILED", "id"),
    "no selection": Bad("{ trends }", {}, "GRAPHQL_VALIDATION_FAILED"),
    "enum of another type": Bad(
        "{ trends(where: {state: {eq: SCIENCE}}) { totalCount } }", {}, "GRAPHQL_VALIDATION_FAILED"
    ),
    "order that is no field": Bad(
        '{ trends(orderBy: "id; drop table trends") { totalCount } }',
        {},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "two keys in one order": Bad(
        "{ trends(orderBy: [{rank: ASC, score: DESC}]) { totalCount } }",
        {},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "mutation without a schema of them": Bad("mutation { x }", {}, "GRAPHQL_VALIDATION_FAILED"),
    "deeper than allowed": Bad(
        "{ trend(id: 1) " + "{ topic { trends { nodes " * 7 + "{ id }" + " } } }" * 7 + " }",
        {},
        "DOCUMENT_LIMIT_EXCEEDED",
    ),
    # Variables
    "missing variable": Bad(NODE, {}, names="id"),
    "null for a required variable": Bad(NODE, {"id": None}, names="id"),
    "text for a number": Bad(TRENDS, {"first": "2"}, names="first"),
    "fraction for an integer": Bad(TRENDS, {"first": 2.5}, names="first"),
    "truth for a number": Bad(TRENDS, {"first": True}, names="first"),
    "object for text": Bad(TRENDS, {"after": {"$ne": None}}, names="after"),
    "number beyond 32 bits": Bad(TRENDS, {"first": 1 << 31}, names="first"),
    "unknown member of an input": Bad(TRENDS, {"where": {"price": {"eq": 1}}}, names="where"),
    "list for an object": Bad(TRENDS, {"where": {"rank": [1, 2]}}, names="where"),
    "enum's label, not its name": Bad(TRENDS, {"where": {"state": {"eq": "viral"}}}, names="where"),
    # Pages
    "first below nought": Bad(TRENDS, {"first": -1}, names="first"),
    "first of a thousand million": Bad(TRENDS, {"first": 10**9}, names="first"),
    "last below nought": Bad(TRENDS, {"last": -1}, names="last"),
    "last of a thousand million": Bad(TRENDS, {"last": 10**9}, names="last"),
    "first and last": Bad(TRENDS, {"first": 1, "last": 1}, names="first"),
    "first below nought, nested": Bad("{ topics { nodes { trends(first: -1) { totalCount } } } }"),
    "literal beyond the limit": Bad("{ trends(first: 1001) { totalCount } }", names="first"),
    "cursor of nonsense": Bad(TRENDS, {"after": "nonsense"}, names="after"),
    "cursor that is base64 of nonsense": Bad(TRENDS, {"before": "bm9uc2Vuc2U="}, names="before"),
    "cursor that is empty": Bad(TRENDS, {"after": ""}, names="after"),
    "cursor that is endless": Bad(TRENDS, {"after": "A" * 10_000}, names="after"),
    # Keys
    "key that is no number": Bad('{ trend(id: "one") { id } }', names="id"),
    "key beyond 64 bits": Bad('{ trend(id: "9223372036854775808") { id } }', names="id"),
    "key in other digits": Bad('{ trend(id: "\u0661") { id } }', names="id"),
    "key that is no UUID": Bad(
        "query ($id: UUID!) { user(id: $id) { email } }", {"id": "ada"}, names="id"
    ),
    "node of nonsense": Bad(NODE, {"id": "nonsense"}, names="nodeId"),
    "node of an unknown type": Bad(NODE, {"id": opaque.encode("Price", ("1",))}, names="nodeId"),
    "node with half a key": Bad(NODE, {"id": opaque.encode("TopicItem", ("1",))}, names="nodeId"),
    "node with a null key": Bad(NODE, {"id": opaque.encode("Trend", (None,))}, names="nodeId"),
    "node with an impossible key": Bad(
        NODE, {"id": opaque.encode("Trend", ("x",))}, names="nodeId"
    ),
    # Conditions
    "null operand": where(rank={"eq": None}),
    "nested too deep": where(**nested(20)),
    "too many values": where(rank={"in": list(range(10_001))}),
    "too many conditions": where(**{"or": [{"rank": {"eq": n}} for n in range(300)]}),
    "NUL in text": where(title={"eq": "a\x00b"}),
    "NUL in a pattern": where(title={"like": "a\x00%"}),
    "NUL in an array": where(keywords={"contains": ["a\x00b"]}),
    "NUL in a document": where(metadata={"contains": {"a": "\x00"}}),
    "NUL in a document's key": where(metadata={"hasKey": "\x00"}),
    "integer beyond 32 bits": where(rank={"eq": 1 << 31}),
    "integer beyond 64 bits": where(id={"eq": str(1 << 63)}),
    "integer of many digits": where(id={"in": ["1" * 400]}),
    "number beyond a float": where(score={"gt": 10**400}),
    "time that is none": where(lastUpdated={"eq": "yesterday"}),
    "time beyond its range": where(lastUpdated={"lt": "+20250-01-01T00:00:00Z"}),
    "time beyond its range by its offset": where(lastUpdated={"lt": "0001-01-01T00:00:00+14:00"}),
    "time of month 13": where(lastUpdated={"lt": "2025-13-01T00:00:00Z"}),
    "64 bits and one more": Bad(
        "query ($n: BigInt) { collections(where: {pointCount: {gt: $n}}) { totalCount } }",
        {"n": str(1 << 63)},
    ),
    # Searches
    "search for nothing": Bad(SEARCH, {}, names="exactly one"),
    "text and vector": Bad(SEARCH, {"text": "a", "vector": [1]}, names="exactly one"),
    "empty text": Bad(SEARCH, {"text": ""}, names="text"),
    "blank text": Bad(SEARCH, {"text": " \n\t"}, names="text"),
    "endless text": Bad(SEARCH, {"text": "word " * 5_000}, names="text"),
    "vector of a wrong dimension": Bad(SEARCH, {"vector": [1, 0]}, names="256"),
    "empty vector": Bad(SEARCH, {"vector": []}, names="vector"),
    "vector of text": Bad(SEARCH, {"vector": ["1"]}, names="vector"),
    "vector with a null": Bad(SEARCH, {"vector": [1, None]}, names="vector"),
    "vector beyond a 32-bit float": Bad(SEARCH, {"vector": [1e39]}, names="vector"),
    "vector beyond any float": Bad(SEARCH, {"vector": [10**400]}, names="vector"),
    "vector without end": Bad(SEARCH, {"vector": [0] * 70_000}, names="vector"),
    "point that cannot be": Bad(SEARCH, {"id": "-1"}, names="id"),
    "point of text": Bad(SEARCH, {"id": "nonsense"}, names="id"),
    "no hits": Bad(SEARCH, {"text": "a", "limit": 0}, names="limit"),
    "all hits": Bad(SEARCH, {"text": "a", "limit": 10**9}, names="limit"),
    "offset below nought": Bad(SEARCH, {"text": "a", "offset": -1}, names="offset"),
    "filter that says nothing": Bad(
        POINTS, {"filter": {"field": "odd"}}, names="says nothing about field 'odd'"
    ),
    "filter on no field": Bad(POINTS, {"filter": {"match": True}}, names="needs a field"),
    "filter without a bottom": Bad(
        POINTS, {"filter": FILTERS[9]}, names="deeper than the 8 levels"
    ),
    "declared filter without a bottom": Bad(
        FILTERED, {"filter": FILTERS[9]}, names="deeper than the 8 levels"
    ),
    "payload field that is none": Bad(FILTERED, {"filter": {"odd": {"eq": 1}}}, names="odd"),
    "condition its type has not": Bad(FILTERED, {"filter": {"score": {"eq": 1}}}, names="score"),
    "enum value that is none": Bad(FILTERED, {"filter": {"state": {"eq": "NEW"}}}, names="NEW"),
    "condition that says nothing": Bad(FILTERED, {"filter": {"state": {}}}, names="filter.state"),
    "texts without end": Bad(
        FILTERED, {"filter": {"language": {"in": ["en"] * 2_000}}}, names="2000 values"
    ),
    "payload path that is none": Bad('{ searchTrends(id: 1) { payload(fields: ["a[0]"]) } }'),
    "example of two sorts": Bad(
        '{ recommendTrends(positive: [{id: 1, text: "a"}]) { id } }',
        code="GRAPHQL_VALIDATION_FAILED",
    ),
    "nothing to be like": Bad("{ recommendTrends { id } }", names="positive"),
    "examples without end": Bad(
        "query ($e: [VectorExample!]) { recommendTrends(positive: $e) { id } }",
        {"e": [{"id": 1}] * 101},
        names="101 examples",
    ),
    "no searches": Bad("{ searchTrendsBatch(searches: []) { id } }", names="searches"),
    "empty search among several": Bad(
        '{ searchTrendsBatch(searches: [{text: "a"}, {}]) { id } }', names="searches[1]"
    ),
    "hits without end among several": Bad(
        "query ($s: [TrendSearchInput!]!) { searchTrendsBatch(searches: $s) { id } }",
        {"s": [{"id": 1, "limit": 1000}] * 11},
        names="10000 hits",
    ),
    "groups without end": Bad(
        '{ searchTrendGroups(text: "a", groupBy: STATE, limit: 1000) { key } }', names="limit"
    ),
    "collection that cannot be": Bad('{ pointCount(collection: "../x") }', names="collection"),
    "cursor of another collection": Bad(
        '{ pointScroll(collection: "a_embeddings", after: "WyJwb2ludHMgYl9lbWJlZGRpbmdzIiwiMSJd") { totalCount } }',
        names="after",
    ),
    "page without end": Bad(
        '{ pointScroll(collection: "a_embeddings", first: 5000) { totalCount } }'
    ),
    "sparse vector of a wrong size": Bad(
        '{ vectorSearch(collection: "a_embeddings", using: "w", sparse: {indices: [1], values: []}) { id } }',
        names="sparse",
    ),
    "neighbours without end": Bad("{ trend(id: 1) { similar(first: 5000) { id } } }"),
}


async def refused(stage: Stage, body: bytes, accept: str) -> tuple[int, dict[str, Any]]:
    """Send a body that must be refused; the status and the first error.

    Whatever it was: the media type is the one asked for, there is no data, and every error has a
    message and a code.
    """
    before = stage.sent()
    headers = {"content-type": "application/json", "accept": accept}
    response = await stage.client.post("/graphql", content=body, headers=headers)
    assert response.headers["content-type"].startswith(accept)
    answer = response.json()
    assert set(answer) == {"errors"}
    assert all(error["message"] and error["extensions"]["code"] for error in answer["errors"])
    assert stage.sent() == before
    first: dict[str, Any] = answer["errors"][0]
    return response.status_code, first


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_refused(name: str, stage: Stage) -> None:
    """A typed error that names the culprit; no source is asked, not even for another field.

    The status is 400, or 200 under the older media type where the request itself was well-formed.
    """
    bad = BAD[name]
    body = json.dumps({"query": bad.query, "variables": dict(bad.variables)}).encode()
    status, error = await refused(stage, body, TYPED)
    assert (status, error["extensions"]["code"]) == (400, bad.code), error
    assert bad.names in error["message"]

    status, again = await refused(stage, body, LEGACY)
    assert again == error
    assert status == (400 if bad.code == "DOCUMENT_LIMIT_EXCEEDED" else 200)


MALFORMED = {
    "nothing": b"",
    "half": b'{"query": "{ trends { totalCount } }"',
    "null": b"null",
    "a number": b"1",
    "a text": b'"{ trends { totalCount } }"',
    "an empty list": b"[]",
    "not UTF-8": b'{"query": "{ \xff }"}',
    "NaN": b'{"query": "{ __typename }", "variables": {"first": NaN}}',
    "infinity": b'{"query": "{ __typename }", "variables": {"first": Infinity}}',
    "no query": b'{"variables": {}}',
    "a query of another type": b'{"query": {"a": 1}}',
    "variables of another type": b'{"query": "{ __typename }", "variables": [1]}',
    "nested without end": b'{"query": "{ __typename }", "variables": {"a": '
    + b"[" * 50_000
    + b"]" * 50_000
    + b"}}",
    "where of a hundred levels": json.dumps(
        {"query": TRENDS, "variables": {"where": nested(100)}}
    ).encode(),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_request_is_refused(name: str, stage: Stage) -> None:
    """A body that is no GraphQL request is 400, whichever media type is asked for."""
    for accept in (TYPED, LEGACY):
        status, error = await refused(stage, MALFORMED[name], accept)
        assert (status, error["extensions"]["code"]) == (400, "BAD_REQUEST"), error


async def test_foreign_cursors_are_refused(stage: Stage) -> None:
    """A cursor serves only the list and order it came from, with values it can hold."""
    ranked = await cursor_of(stage, "(orderBy: [{rank: ASC}])")
    foreign = {
        "of another order": await cursor_of(stage, "(orderBy: [{rank: DESC}])"),
        "of the default order": await cursor_of(stage, ""),
        "of another list": await cursor_of(stage, "(orderBy: [{title: ASC}])", "topics"),
        "with a value missing": tampered(ranked, "1"),
        "with a value too many": tampered(ranked, "1", "1", "1"),
        "with text for a number": tampered(ranked, "1; drop table trends", "1"),
        "with a number beyond its type": tampered(ranked, str(1 << 40), "1"),
        "with a digit of another script": tampered(ranked, "\u0661", "1"),
        "cut off": ranked[:-5],
    }
    for what, cursor in foreign.items():
        for side in ("after", "before"):
            body = json.dumps({"query": RANKED, "variables": {side: cursor}}).encode()
            status, error = await refused(stage, body, TYPED)
            assert (status, error["extensions"]["code"]) == (400, "BAD_USER_INPUT"), (what, error)
            assert side in error["message"]


async def test_a_tampered_cursor_is_a_place_like_any_other(stage: Stage) -> None:
    """Made-up values are bound like any others: the page after a place that is no row's."""
    ranked = await cursor_of(stage, "(orderBy: [{rank: ASC}])")
    answer = await stage.ask(RANKED, {"after": tampered(ranked, "4", "9999")})
    titles = [node["title"] for node in answer["data"]["trends"]["nodes"]]
    assert titles == ["Marathon unter zwei Stunden", "Trail running"]


async def test_a_null_where_no_null_can_be_is_a_place_too(stage: Stage) -> None:
    """A cursor with nulls for columns that are never null answers a list, and no error inside."""
    ranked = await cursor_of(stage, "(orderBy: [{rank: ASC}])")
    answer = await stage.ask(RANKED, {"after": tampered(ranked, None, None)})
    assert "errors" not in answer


async def test_a_point_that_only_the_engine_can_miss(stage: Stage) -> None:
    """The field is null under a typed error with its path; the field beside it is answered."""
    answer = await stage.ask(SEARCH, {"id": "123456"})
    assert answer["data"] == {"searchTrends": None, "healthy": {"title": "Aurora over Rome"}}
    (error,) = answer["errors"]
    assert error["path"] == ["searchTrends"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "no such point" in error["message"]


async def test_healthy_requests_after_all_that(stage: Stage) -> None:
    """The application is as good as before: every source ready, every query answered."""
    answer = await stage.ask('{ searchTrends(text: "sun", limit: 1) { trend { views title } } }')
    assert "errors" not in answer
    ready = await stage.client.get("/health/ready")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)


async def test_a_file_for_the_bundled_domain(stage: Stage) -> None:
    """Its schema takes files, so forms are read: from programs, and for those who may write."""
    document = "mutation ($file: Upload!) { uploadFile(file: $file) { id } }"
    form: dict[str, Any] = {
        "operations": (None, json.dumps({"query": document, "variables": {"file": None}})),
        "map": (None, '{"0": ["variables.file"]}'),
        "0": ("a.txt", b"content", "text/plain"),
    }

    async def code(*without: str) -> str:
        headers = {"graphql-require-preflight": "1"}
        request = stage.client.build_request("POST", "/graphql", files=form, headers=headers)
        for name in without:
            del request.headers[name]
        response = await stage.client.send(request)
        return str(response.json()["errors"][0]["extensions"]["code"])

    assert await code("graphql-require-preflight") == "CSRF_REFUSED"
    assert await code() == "SOURCE_UNAVAILABLE"  # no setting says where Directus is
    assert await code("x-api-key") == "UNAUTHENTICATED"
