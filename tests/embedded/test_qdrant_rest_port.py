"""The embedded Qdrant's REST as a server: its port, its key, bodies it does not take."""

from __future__ import annotations

import os
import signal
import warnings

import httpx
import pytest
from embedded.qdrant_calls import fresh_name, rest_client, stock_client
from embedded.qdrant_served import serving
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m

from gateway.embedded import start
from gateway.embedded.ports import free_port

VECTORS = m.VectorParams(size=2, distance=m.Distance.DOT)


@pytest.fixture
async def http(qdrant_rest_url):
    async with httpx.AsyncClient(base_url=qdrant_rest_url, timeout=30) as client:
        yield client


def error(response):
    return response.json()["status"]["error"]


async def test_both_protocols_show_the_same(qdrant_endpoint, qdrant_rest_url):
    """What is written over one is read over the other, to the last value."""
    name = fresh_name()
    payload = {"i": 1, "f": 1.0, "s": "ü", "n": None, "l": [1, [True]], "o": {"x": {}}}
    async with stock_client(qdrant_endpoint) as one, rest_client(qdrant_rest_url) as other:
        await other.create_collection(name, vectors_config=VECTORS, metadata={"m": [1]})
        await one.upsert(name, [m.PointStruct(id=1, vector=[0.5, 1.0], payload=payload)])
        await other.upsert(name, m.Batch(ids=[2], vectors=[[0.25, 1.0]], payloads=[payload]))
        await one.create_payload_index(name, "s", m.PayloadSchemaType.KEYWORD)
        answers = [
            (
                await client.retrieve(name, [1, 2], with_vectors=True),
                await client.scroll(name, limit=1),
                await client.query_points(name, query=[1.0, 0.0], with_vectors=True),
                await client.get_collection(name),
                await client.facet(name, "s"),
            )
            for client in (one, other)
        ]
        assert answers[0] == answers[1]
        assert answers[0][0][1].payload == payload


async def test_signs_of_life(http):
    """For whoever watches over it, and for a client that compares versions."""
    for path in ("/healthz", "/livez", "/readyz"):
        assert (await http.get(path)).status_code == 200
    assert (await http.get("/")).json()["title"] == "embedded Qdrant"


async def test_a_client_takes_it_for_a_server_of_its_version(qdrant_rest_url):
    """The stock client, left to compare versions, warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = AsyncQdrantClient(url=qdrant_rest_url, timeout=30)
        await client.get_collections()
        await client.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b'{"limit": "many"}', "limit"),
        (b'{"surprise": 1}', "surprise"),
        (b'{"filter": {"must": [{"key": "a", "match": {"like": 1}}]}}', "match"),
        (b'{"query": [1, null]}', "query"),
        (b'{"query": [1, NaN]}', "NaN"),
    ],
)
async def test_bodies_it_cannot_read(http, qdrant_rest_url, body, words):
    """400 that says where the body is wrong."""
    name = fresh_name()
    async with rest_client(qdrant_rest_url) as client:
        await client.create_collection(name, vectors_config=VECTORS)
    response = await http.post(f"/collections/{name}/points/query", content=body)
    assert response.status_code == 400, response.text
    assert words in error(response)


async def test_a_body_that_is_too_large(http):
    """413, read no further than the bound."""
    part = b" " * 1024 * 1024

    async def endless():
        for _ in range(64):
            yield part

    response = await http.put("/collections/c/points", content=endless())
    assert response.status_code == 413
    assert "33554432 bytes" in error(response)


async def test_paths_it_does_not_serve(http):
    """501 that names them, whatever the method."""
    for method, path in (("GET", "/cluster"), ("POST", "/collections"), ("PUT", "/collections/")):
        response = await http.request(method, path)
        assert response.status_code == 501
        assert f"{method} {path}" in error(response)


async def test_the_key(folder):
    """Both ports ask for it, as a header or as a bearer; signs of life are for everybody."""
    port = free_port()
    environment = {**os.environ, "QDRANT__SERVICE__API_KEY": "sesame"}
    with serving(folder, rest_port=port, env=environment):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            for headers, status in (
                ({}, 401),
                ({"api-key": "wrong"}, 401),
                ({"authorization": "Bearer wrong"}, 401),
                ({"api-key": "sesame"}, 200),
                ({"authorization": "Bearer sesame"}, 200),
            ):
                response = await http.get("/collections", headers=headers)
                assert response.status_code == status, headers
            assert (await http.get("/healthz")).status_code == 200


async def test_it_ends_with_the_process(folder):
    """Asked to stop it closes both ports, with a connection open, and says nothing."""
    port = free_port()
    with serving(folder, rest_port=port) as (process, _):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            assert (await http.get("/collections")).status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        assert process.stderr.read() == ""


async def test_the_address_outlives_a_restart(folder):
    """An engine that was killed and started again is where it was, over both protocols."""
    with start(folder, names=("qdrant",)) as engines:
        before = engines.urls
        engines.processes["qdrant"].kill()
        engines.restart("qdrant")
        assert engines.urls == before
        async with rest_client(before.qdrant) as client:
            await client.create_collection("c", vectors_config=VECTORS)
        async with stock_client(f":{before.qdrant_grpc_port}") as client:
            assert await client.collection_exists("c")
