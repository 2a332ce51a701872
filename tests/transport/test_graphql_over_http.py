"""The endpoint, in process: statuses, media types, methods, batches, masking."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_engine import SECRET, ToyEngine
from toy_site import JSON, STRICT, client_of, site_of

from gateway.errors import HTTP_STATUS, Code, PlaitError, RequestError
from gateway.execution.exchange import Answer
from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.limits import HttpLimits
from gateway.viewer import Viewer

if TYPE_CHECKING:
    import httpx

CALLS = {
    "parse": ("{", Code.GRAPHQL_PARSE_FAILED),
    "validate": ("{ nope }", Code.GRAPHQL_VALIDATION_FAILED),
    "ambiguous": ("query a{echo} query b{echo}", Code.OPERATION_RESOLUTION_FAILURE),
    "input": ("query($t: String!){ echo(text: $t) }", Code.BAD_USER_INPUT),
    "limit": ("{" + " echo" * 5_000 + "}", Code.DOCUMENT_LIMIT_EXCEEDED),
}


async def post(client: httpx.AsyncClient, query: Any, accept: str = STRICT) -> httpx.Response:
    return await client.post("/graphql", json={"query": query}, headers={"accept": accept})


def code_of(response: httpx.Response) -> str:
    body = response.json()
    assert set(body) == {"errors"}, "a refusal has errors and no data"
    assert all(error["message"] for error in body["errors"])
    return str(body["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize("accept", [STRICT, "application/json", "*/*"])
async def test_a_query_is_answered(client: httpx.AsyncClient, accept: str) -> None:
    """200 with data, in the type that was asked for; JSON where anything would do."""
    response = await post(client, '{ echo(text: "ä") }', accept)
    assert response.status_code == 200
    assert response.json() == {"data": {"echo": "ä"}}
    wanted = accept if accept != "*/*" else "application/json"
    assert response.headers["content-type"] == f"{wanted}; charset=utf-8"


@pytest.mark.parametrize("accept", [STRICT, "*/*", "application/json"])
@pytest.mark.parametrize("call", CALLS)
async def test_a_refused_request_has_the_status_of_its_code(
    client: httpx.AsyncClient, engine: ToyEngine, call: str, accept: str
) -> None:
    """4xx; for clients that ask for application/json by name, 200 where the specification says so.

    A document beyond our limits is no matter of the specification: 400 for everybody.
    """
    query, code = CALLS[call]
    response = await post(client, query, accept)
    assert code_of(response) == code.value
    lenient = accept == "application/json" and code is not Code.DOCUMENT_LIMIT_EXCEEDED
    assert response.status_code == (200 if lenient else 400)
    assert engine.executions == 0


async def test_findings_carry_their_places(client: httpx.AsyncClient) -> None:
    """All validation errors, each with line and column."""
    response = await post(client, "{\n  nope\n  neither }")
    assert [error["locations"] for error in response.json()["errors"]] == [
        [{"line": 2, "column": 3}],
        [{"line": 3, "column": 3}],
    ]


@pytest.mark.parametrize("accept", [STRICT, "application/json"])
@pytest.mark.parametrize("query", ["{ broken echo }", "{ required }"])
async def test_what_was_executed_is_200(client: httpx.AsyncClient, query: str, accept: str) -> None:
    """Field errors, even those that null all data, are part of an answer."""
    response = await post(client, query, accept)
    assert response.status_code == 200
    assert response.json()["errors"][0]["extensions"]["code"] == "SOURCE_ERROR"
    assert "data" in response.json()


@pytest.mark.parametrize("body", [b"null", b"1", b'"x"', b"\xff", b"{}", b"[]", b'{"query":NaN}'])
@pytest.mark.parametrize("accept", [STRICT, "application/json", "*/*"])
async def test_a_malformed_body_is_400_for_everybody(
    client: httpx.AsyncClient, engine: ToyEngine, body: bytes, accept: str
) -> None:
    """BAD_REQUEST in GraphQL's error shape; the engine never hears of it."""
    response = await client.post("/graphql", content=body, headers={**JSON, "accept": accept})
    assert response.status_code == 400
    assert code_of(response) == "BAD_REQUEST"
    assert engine.requests == []


async def test_a_type_we_cannot_write_is_406(client: httpx.AsyncClient, engine: ToyEngine) -> None:
    """Said in JSON, and nothing ran."""
    response = await post(client, "{ echo }", "text/html")
    assert response.status_code == 406
    assert code_of(response) == "NOT_ACCEPTABLE"
    assert engine.requests == []


MEDIA_TYPES = [
    None,
    "",
    "text/plain",
    "text/plain; charset=utf-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/html",
    "text/json",
    "application/graphql",
    "application/octet-stream",
    "application/json; charset=utf-16",
    "application/jsonp",
]


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
async def test_no_method_and_media_type_of_a_form_executes(
    client: httpx.AsyncClient, engine: ToyEngine, media_type: str | None
) -> None:
    """Twelve types, five methods, a query in body and address, as another site's page sends it."""
    headers = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    if media_type is not None:
        headers["content-type"] = media_type
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        response = await client.request(
            method,
            "/graphql",
            params={"query": "{ echo }"},
            content=b'{"query":"{ echo }"}',
            headers=headers,
        )
        assert 400 <= response.status_code < 500
        assert "access-control-allow-origin" not in response.headers
        code_of(response)
    assert engine.requests == []


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
async def test_a_post_that_is_not_json_is_415(
    client: httpx.AsyncClient, media_type: str | None
) -> None:
    """Also without any Content-Type."""
    headers = {} if media_type is None else {"content-type": media_type}
    response = await client.post("/graphql", content=b'{"query":"{ echo }"}', headers=headers)
    assert response.status_code == 415
    assert code_of(response) == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity"])
async def test_a_compressed_body_is_415(client: httpx.AsyncClient, coding: str) -> None:
    """There is no bomb where nothing is inflated."""
    response = await client.post(
        "/graphql", content=b'{"query":"{ echo }"}', headers={**JSON, "content-encoding": coding}
    )
    assert response.status_code == 415


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
async def test_other_methods_are_405(client: httpx.AsyncClient, method: str) -> None:
    """With the methods that would do."""
    response = await client.request(method, "/graphql", params={"query": "{ echo }"})
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


async def test_get_runs_queries_with_variables(client: httpx.AsyncClient) -> None:
    """All four parameters; the reply may not be stored."""
    response = await client.get(
        "/graphql",
        params={
            "query": "query a($t: String){ echo(text: $t) } query b{ broken }",
            "operationName": "a",
            "variables": '{"t": "x"}',
            "extensions": "{}",
        },
    )
    assert response.json() == {"data": {"echo": "x"}}
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("accept", [STRICT, "application/json", "*/*"])
async def test_get_never_runs_a_mutation(
    client: httpx.AsyncClient, engine: ToyEngine, accept: str
) -> None:
    """405 for every client, with the method that would do."""
    response = await client.get(
        "/graphql", params={"query": "mutation { count }"}, headers={"accept": accept}
    )
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert code_of(response) == "METHOD_NOT_ALLOWED"
    assert engine.mutations == 0
    assert (await post(client, "mutation { count }")).json() == {"data": {"count": 1}}


@pytest.mark.parametrize(
    ("headers", "executes"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"sec-fetch-site": "cross-site", "graphql-require-preflight": "1"}, True),
        ({"sec-fetch-site": "cross-site", "apollo-require-preflight": "1"}, True),
        ({"sec-fetch-site": "cross-site", "x-apollo-operation-name": "q"}, True),
        ({"sec-fetch-site": "cross-site", "x-apollo-operation-name": ""}, False),
        ({"sec-fetch-site": "cross-site", "content-type": "application/json"}, True),
    ],
)
async def test_get_from_another_site_needs_proof(
    client: httpx.AsyncClient, engine: ToyEngine, headers: dict[str, str], *, executes: bool
) -> None:
    """A browser's cross-site GET runs only with a header that had to be asked for first."""
    response = await client.get("/graphql", params={"query": "{ echo }"}, headers=headers)
    assert engine.executions == executes
    if not executes:
        assert response.status_code == 400
        assert code_of(response) == "CSRF_REFUSED"


async def test_a_batch_is_answered_in_order_side_by_side(
    client: httpx.AsyncClient, engine: ToyEngine
) -> None:
    """Members run at once, are answered in their places, and fail alone."""
    queries = ["{ slow }", "{ nope }", "{ slow }", '{ echo(text: "x") }']
    call = asyncio.create_task(
        client.post("/graphql", json=[{"query": query} for query in queries])
    )
    await engine.waits_for(2)
    engine.gate.set()
    response = await call
    assert response.status_code == 200
    first, second, third, fourth = response.json()
    assert first == third == {"data": {"slow": "done"}}
    assert second["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert fourth == {"data": {"echo": "x"}}


async def test_a_batch_beyond_its_cap_runs_nothing(
    client: httpx.AsyncClient, engine: ToyEngine
) -> None:
    """A thousand requests in one are 400."""
    response = await client.post("/graphql", json=[{"query": "mutation { count }"}] * 1_000)
    assert response.status_code == 400
    assert code_of(response) == "BAD_REQUEST"
    assert engine.mutations == 0


async def test_an_unexpected_error_is_masked(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """500 with an id that the log has too; the exception's text is in neither."""
    with caplog.at_level(logging.ERROR):
        response = await post(client, "{ crash }")
    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert SECRET not in response.text
    assert SECRET not in caplog.text
    logged = [getattr(record, "fields", {}).get("id") for record in caplog.records]
    assert error["extensions"]["errorId"] in logged


async def test_an_engine_that_overruns_is_stopped(engine: ToyEngine) -> None:
    """The deadline and its grace over, the client is told and the work cancelled."""
    limits = HttpLimits(answer_seconds=0.01, grace_seconds=0.01)
    async with client_of(site_of(engine, limits)) as client:
        response = await post(client, "{ slow }")
    assert response.status_code == 504
    assert code_of(response) == "SOURCE_TIMEOUT"
    assert engine.cancelled == 1


async def test_every_code_has_a_status_for_every_client() -> None:
    """Whatever an engine refuses with becomes a response, never a crash."""

    class Refusing:
        code = Code.BAD_REQUEST

        async def answer(self, *_args: Any, **_options: Any) -> Answer:
            raise RequestError("no", code=self.code)

    engine = Refusing()
    async with client_of(GraphQLOverHTTP(engine)) as client:
        for engine.code, accept in itertools.product(Code, [STRICT, "application/json", "*/*"]):
            response = await post(client, "{ echo }", accept)
            assert response.status_code in {HTTP_STATUS[engine.code], 200}
            assert code_of(response) == engine.code.value


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Basic", ""])
async def test_a_token_that_does_not_do_is_told(scheme: str) -> None:
    """403 says so to who sent one (RFC 6750), and to nobody else."""

    class Refusing:
        async def answer(self, *_args: Any, **_options: Any) -> Answer:
            raise PlaitError("no", code=Code.FORBIDDEN)

    headers = {"authorization": f"{scheme} x"} if scheme else {}
    async with client_of(GraphQLOverHTTP(Refusing())) as client:
        response = await client.post("/graphql", json={"query": "{ echo }"}, headers=headers)
    assert response.status_code == 403
    said = 'Bearer realm="graphql", error="insufficient_scope"' if "earer" in scheme else None
    assert response.headers.get("www-authenticate") == said


async def test_the_viewer_comes_from_the_headers() -> None:
    """`identify` sees the raw headers; what it refuses never reaches the engine."""

    class Asking:
        viewer: Viewer | None = None

        async def answer(self, request: Any, viewer: Viewer, **_options: Any) -> Answer:
            assert request.document == "{a}"
            self.viewer = viewer
            return Answer(b'{"data":{}}')

    def identify(headers: Any, _scope: Any) -> Viewer:
        subject = dict(headers).get(b"x-subject", b"").decode()
        if not subject:
            raise RequestError("Who are you?", code=Code.UNAUTHENTICATED)
        return Viewer(subject=subject)

    engine = Asking()
    async with client_of(GraphQLOverHTTP(engine, identify=identify)) as client:
        assert (await post(client, "{a}", "application/json")).status_code == 401
        assert engine.viewer is None
        await client.post("/graphql", json={"query": "{a}"}, headers={"x-subject": "ann"})
        assert engine.viewer == Viewer(subject="ann")


async def test_a_body_in_chunks_is_read_whole(client: httpx.AsyncClient) -> None:
    """However it is cut."""

    async def chunks() -> Any:
        for byte in b'{"query":"{ echo }"}':
            yield bytes([byte])

    response = await client.post("/graphql", content=chunks(), headers=JSON)
    assert response.json() == {"data": {"echo": None}}


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_beyond_its_limit_is_413(engine: ToyEngine, *, announced: bool) -> None:
    """Answered unread where its length is announced, at the limit where it is not."""
    sent = 0
    answered: list[tuple[int, Any]] = []

    async def receive() -> Any:
        nonlocal sent
        sent += 1_000
        return {"type": "http.request", "body": b" " * 1_000, "more_body": sent < 1_000_000}

    async def send(message: Any) -> None:
        answered.append((sent, message))

    length = (b"content-length", b"1000000") if announced else (b"transfer-encoding", b"chunked")
    headers = [(b"content-type", b"application/json"), length]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers}
    app = site_of(engine, HttpLimits(max_body_bytes=10_000))
    await app({**scope, "query_string": b""}, receive, send)
    (before, start), (_, whole), (_, end) = answered
    assert before == (0 if announced else 11_000)
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]
    assert b"PAYLOAD_TOO_LARGE" in whole["body"]
    assert end["body"] == b""


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
DOCUMENTS = st.text(alphabet='{}()[]:@!$."# \necho textbrokenquery', max_size=60) | st.sampled_from(
    ["{ echo }", "query($t: String!) { echo(text: $t) }", "{ broken }", "mutation { count }"]
)
BODIES = st.binary(max_size=80) | st.fixed_dictionaries(
    {"query": DOCUMENTS | JSON_VALUES},
    optional={
        "variables": JSON_VALUES | st.fixed_dictionaries({"t": JSON_VALUES}),
        "operationName": JSON_VALUES,
        "extensions": JSON_VALUES,
    },
).map(lambda body: json.dumps(body).encode())


@given(st.lists(BODIES, min_size=20, max_size=20))
@settings(deadline=None, max_examples=50)
def test_no_body_breaks_the_endpoint(bodies: list[bytes]) -> None:
    """A thousand bodies of all kinds: 200 or 400, and always a GraphQL response."""

    async def send_all() -> None:
        async with client_of(site_of(ToyEngine())) as client:
            for body in bodies:
                response = await client.post("/graphql", content=body, headers=JSON)
                assert response.status_code in {200, 400}
                assert set(response.json()) <= {"data", "errors"}

    asyncio.run(send_all())
