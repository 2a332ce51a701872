"""The Qdrant adapter over REST: against an HTTP server on loopback that answers as it is told.

No engine from a wheel serves Qdrant's REST, so its answers are written out here.
"""

from __future__ import annotations

import asyncio
import json

import pytest
from sources.qdrant.wishing import search_wish

from gateway.errors import (
    ConfigurationError,
    SourceDataError,
    SourceError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.schema import asks
from gateway.schema.bindings import Vectors
from gateway.schema.vectors.reading import Reading
from gateway.sources.contract import Budget
from gateway.sources.qdrant import (
    HitField,
    HitKind,
    Nearest,
    QdrantSource,
    VectorCollection,
    prepare_hits,
)

COLLECTIONS = {"result": {"collections": [{"name": "c"}]}, "status": "ok", "time": 0.0}
HITS = {
    "result": [
        {
            "points": [
                {"id": 5, "version": 1, "score": 0.5, "payload": {"b": 1, "a": [None]}},
                {"id": "0198c9a2-54ff-7e63-a2a4-3ae3b1ad2b10", "version": 1, "score": 0.25},
            ]
        }
    ],
    "status": "ok",
    "time": 0.0,
}
HIT = (
    HitField("id", HitKind.ID),
    HitField("score", HitKind.SCORE),
    HitField("payload", HitKind.PAYLOAD),
)
SEARCH = prepare_hits("vectors", VectorCollection("c", 2), HIT)


class Server:
    """Answers each request with the next of `answers`, the last one for ever."""

    def __init__(self):
        self.answers = [(200, json.dumps(COLLECTIONS))]
        self.requests = []
        self.silent = False

    async def __call__(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(
            line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line
        )
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((head.split("\r\n")[0], headers, json.loads(body or b"null")))
        if not self.silent:
            status, answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            content = answer.encode()
            writer.write(
                b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%b" % (status, len(content), content)
            )
            await writer.drain()
        else:
            await reader.read()
        writer.close()


@pytest.fixture
async def server():
    behaviour = Server()
    listener = await asyncio.start_server(behaviour, "127.0.0.1", 0)
    behaviour.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener:
        yield behaviour


@pytest.fixture
async def source(server):
    subject = QdrantSource(
        "vectors", server.url, prefer_grpc=False, api_key="k", timeout_seconds=1, concurrency=2
    )
    await subject.open()
    yield subject
    await subject.close()


async def search(ask, source, seconds=10.0):
    wanted = search_wish({"vector": [1, 2], "limit": 3, "filter": {"a": {"gte": 1}}})
    return await ask(source, SEARCH, arguments=(wanted,), seconds=seconds)


async def test_a_search(server, source, ask):
    """The request carries what was asked; the answer has the same shape as over gRPC."""
    server.answers = [(200, json.dumps(HITS))]
    (value,) = await search(ask, source)
    assert value == (
        b'[{"id":"5","score":0.5,"payload":{"a":[null],"b":1}},'
        b'{"id":"0198c9a2-54ff-7e63-a2a4-3ae3b1ad2b10","score":0.25,"payload":{}}]'
    )
    line, headers, body = server.requests[-1]
    assert line.startswith("POST /collections/c/points/query/batch")
    assert headers["api-key"] == "k"
    (sent,) = body["searches"]
    assert sent["query"] == {"nearest": [1.0, 2.0]}
    assert sent["limit"] == 4  # the hit behind the page tells whether a tie crosses its end
    assert sent["filter"]["must"][0]["range"]["gte"] == 1.0
    assert not sent.get("with_vector")


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (400, '{"status":{"error":"bad vector"}}', SourceDataError),
        (404, '{"status":{"error":"no collection c"}}', SourceRefused),
        (403, "Forbidden", SourceRefused),
        (429, "{}", SourceOverloaded),
        (500, '{"status":{"error":"/secret/path"}}', SourceRefused),
        (503, "down", SourceUnavailable),
        (504, "late", SourceTimeout),
        (200, '{"result": [{"poi', SourceRefused),
        (200, "<html>hello</html>", SourceRefused),
        (200, '{"result": 5}', SourceRefused),
        (200, '{"result": []}', SourceRefused),
    ],
)
async def test_bad_answers_are_typed_errors(  # noqa: PLR0913, PLR0917 - fixtures and cases
    server, source, ask, status, answer, error
):
    """Whatever the server says instead of hits; what concerns only the server is not repeated."""
    server.answers = [(status, answer)]
    with pytest.raises(error) as raised:
        await search(ask, source)
    assert "secret" not in raised.value.message
    server.answers = [(200, json.dumps(HITS))]
    assert await search(ask, source)


async def test_a_missing_point_leaves_a_gap(server, source, ask):
    """The failed batch, the question which points exist, and the batch of those."""
    found = {"result": [{"id": 5}], "status": "ok", "time": 0.0}
    server.answers = [
        (404, '{"status":{"error":"Not found: No point with id 4 found"}}'),
        (200, json.dumps(found)),
        (200, json.dumps(HITS)),
    ]
    nearest = prepare_hits("vectors", VectorCollection("c"), HIT[:1], by_key=True)
    values = await ask(source, nearest, (4,), (5,), arguments=(Nearest(limit=2),))
    assert values == [None, b'[{"id":"5"},{"id":"0198c9a2-54ff-7e63-a2a4-3ae3b1ad2b10"}]']


async def test_a_silent_server(server, source, ask):
    """Each call costs its deadline; afterwards the source serves as before."""
    server.silent = True
    for _ in range(4):
        with pytest.raises(SourceTimeout):
            await search(ask, source, seconds=0.05)
    deadline = asyncio.get_running_loop().time() + 0.05
    assert not (await source.check(Budget(deadline))).ready
    server.silent = False
    server.answers = [(200, json.dumps(HITS))]
    for _ in range(100):
        try:
            assert await search(ask, source)
            break
        except SourceTimeout:
            await asyncio.sleep(0.05)
    else:
        pytest.fail("the source did not recover")


async def test_a_server_that_is_not_there():
    """Opening says so; a refused key stops the start-up."""
    nobody = QdrantSource("vectors", "http://127.0.0.1:1", prefer_grpc=False)
    with pytest.raises(SourceUnavailable):
        await nobody.open()
    await nobody.close()


async def test_a_refused_key(server):
    """A wrong key is a matter of configuration."""
    server.answers = [(401, "Must provide an API key")]
    subject = QdrantSource("vectors", server.url, prefer_grpc=False, api_key="wrong-key")
    with pytest.raises(ConfigurationError) as raised:
        await subject.open()
    assert "wrong-key" not in raised.value.message
    await subject.close()


def answer(result):
    """What the server says where it found `result`."""
    return (200, json.dumps({"result": result, "status": "ok", "time": 0.0}))


POINT = {"id": 5, "version": 1, "score": 0.1, "payload": {"a": 1}, "vector": {"v": [0.1, 2]}}
HIT_PARTS = tuple(asks.Part(name, name) for name in ("id", "payload", "vectors"))
SAYS = b'{"id":"5","payload":{"a":1},"vectors":{"v":[0.1,2.0]}}'
GROUPS = asks.Part("hits", "hits", parts=(*HIT_PARTS, asks.Part("score", "score")))
READINGS = {
    "groups": (
        Reading.GROUPS,
        {"groupBy": "g", "vector": [1, 2], "using": "v"},
        (asks.Part("key", "key"), GROUPS),
        {"groups": [{"id": "x", "hits": [POINT]}]},
        "POST /collections/c/points/query/groups",
        b'[{"key":"x","hits":[' + SAYS[:-1] + b',"score":0.1}]}]',
    ),
    "facets": (
        Reading.FACET,
        {"key": "g"},
        (asks.Part("value", "value"), asks.Part("count", "count")),
        {"hits": [{"value": "x", "count": 1}, {"value": True, "count": 2}]},
        "POST /collections/c/facet",
        b'[{"value":true,"count":2},{"value":"x","count":1}]',
    ),
    "points": (
        Reading.POINTS,
        {"ids": ["7", "5"]},
        HIT_PARTS,
        [POINT],
        "POST /collections/c/points",
        b"[null," + SAYS + b"]",
    ),
    "count": (Reading.COUNT, {}, (), {"count": 12}, "POST /collections/c/points/count", b"12"),
    "page": (
        Reading.PAGE,
        {"first": 1},
        (asks.Part("nodes", "nodes", parts=HIT_PARTS),),
        {"points": [POINT], "next_page_offset": 6},
        "POST /collections/c/points/scroll",
        b'{"nodes":[' + SAYS + b"]}",
    ),
}


@pytest.mark.parametrize("name", READINGS)
async def test_other_readings(server, source, ask, name):
    """Each is the call it should be, and has the shape it has over gRPC."""
    reading, values, parts, result, line, expected = READINGS[name]
    binding = Vectors(reading, VectorCollection("c", vectors={"v": 2}))
    tree = asks.VectorRead(binding.reading, binding.collection, parts)
    prepared = source.prepare(tree, {})
    wish = source.arguments(binding, values)
    server.answers = [answer(result)]
    assert await ask(source, prepared, arguments=(wish,)) == [expected]
    assert server.requests[-1][0].startswith(f"{line}?") or f"{line} " in server.requests[-1][0]
    for status, text, error in ((500, "/secret", SourceError), (200, '{"result": [{', SourceError)):
        server.answers = [(status, text)]
        with pytest.raises(error) as raised:
            await ask(source, prepared, arguments=(wish,))
        assert "secret" not in raised.value.message


async def test_examples_and_sparse_vectors(server, source, ask):
    """Recommendations and sparse searches are said in the server's words."""
    collection = VectorCollection("c", 2, vectors={"v": 2}, sparse=("w",))
    prepared = prepare_hits("vectors", collection, HIT)
    server.answers = [(200, json.dumps(HITS))]
    liked = {"positive": [{"id": "5"}, {"vector": [1, 2]}], "negative": [{"id": 6}], "using": "v"}
    wish = source.arguments(Vectors(Reading.RECOMMEND, collection), liked)
    assert await ask(source, prepared, arguments=(wish,))
    (sent,) = server.requests[-1][2]["searches"]
    assert sent["using"] == "v"
    assert sent["query"] == {
        "recommend": {
            "positive": [5, [1.0, 2.0]],
            "negative": [6],
            "strategy": "average_vector",
        }
    }
    sparse = {"sparse": {"indices": [2**32 - 1], "values": [0.5]}}
    wish = source.arguments(Vectors(Reading.SEARCH, collection), sparse)
    assert await ask(source, prepared, arguments=(wish,))
    (sent,) = server.requests[-1][2]["searches"]
    assert sent["using"] == "w"
    assert sent["query"] == {"nearest": {"indices": [2**32 - 1], "values": [0.5]}}
