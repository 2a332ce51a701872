"""Qdrant's REST in front of the embedded engine, which speaks gRPC alone.

Bodies are read by the stock client's own models and answered by the stock client itself, which asks
the engine by gRPC: so what the adapter sends and reads over REST meets a real engine.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import grpc
import uvicorn
from pydantic import TypeAdapter
from pydantic_core import to_json
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from gateway.embedded.ports import free_port

_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
}
_ONE = "/collections/{name}"
_NAMES = {"with_vector": "with_vectors", "vectors": "vectors_config"}
"""Members of bodies that the client's methods call otherwise."""


def _given(body, **others):
    """What a body says, by the names of the client's parameters."""
    given = {_NAMES.get(one, one): getattr(body, one) for one in body.model_fields_set}
    for ours, theirs in others.items():
        if ours in given:
            given[theirs] = given.pop(ours)
    return given


async def _create(client, name, body):
    given = _given(body, sparse_vectors="sparse_vectors_config")
    return await client.create_collection(name, **given)


async def _scroll(client, name, body):
    points, following = await client.scroll(name, **_given(body, filter="scroll_filter"))
    return {"points": points, "next_page_offset": following}


async def _query(client, name, body):
    return await client.query_batch_points(name, body.searches)


async def _upsert(client, name, body):
    return await client.upsert(name, body.points)


async def _set_payload(client, name, body):
    return await client.set_payload(name, body.payload, body.filter or body.points)


async def _overwrite_payload(client, name, body):
    return await client.overwrite_payload(name, body.payload, body.filter or body.points)


async def _delete_payload(client, name, body):
    return await client.delete_payload(name, body.keys, body.filter or body.points)


_OPERATIONS = (
    ("GET", "/collections", None, lambda client, *_: client.get_collections()),
    ("GET", _ONE, None, lambda client, name, _: client.get_collection(name)),
    ("DELETE", _ONE, None, lambda client, name, _: client.delete_collection(name)),
    ("PUT", _ONE, m.CreateCollection, _create),
    (
        "PUT",
        f"{_ONE}/index",
        m.CreateFieldIndex,
        lambda client, name, body: client.create_payload_index(name, **_given(body)),
    ),
    (
        "POST",
        f"{_ONE}/points",
        m.PointRequest,
        lambda client, name, body: client.retrieve(name, **_given(body)),
    ),
    ("POST", f"{_ONE}/points/scroll", m.ScrollRequest, _scroll),
    (
        "POST",
        f"{_ONE}/points/count",
        m.CountRequest,
        lambda client, name, body: client.count(name, **_given(body, filter="count_filter")),
    ),
    ("POST", f"{_ONE}/points/query/batch", m.QueryRequestBatch, _query),
    ("PUT", f"{_ONE}/points", m.PointsList, _upsert),
    (
        "POST",
        f"{_ONE}/points/delete",
        m.PointsSelector,
        lambda client, name, body: client.delete(name, body),
    ),
    ("POST", f"{_ONE}/points/payload", m.SetPayload, _set_payload),
    ("PUT", f"{_ONE}/points/payload", m.SetPayload, _overwrite_payload),
    ("POST", f"{_ONE}/points/payload/delete", m.DeletePayload, _delete_payload),
)


def _application(client):
    def endpoint(form, call):
        reader = form and TypeAdapter(form)

        async def answer(request):
            body = reader and reader.validate_json(await request.body())
            try:
                result = await call(client, request.path_params.get("name"), body)
            except grpc.aio.AioRpcError as error:
                failure = {"status": {"error": error.details()}, "time": 0.0}
                return Response(to_json(failure), _STATUSES.get(error.code(), 500))
            answered = {"result": result, "status": "ok", "time": 0.0}
            return Response(to_json(answered), media_type="application/json")

        return answer

    async def exists(request):
        found = await client.collection_exists(request.path_params["name"])
        return Response(to_json({"result": {"exists": found}, "status": "ok", "time": 0.0}))

    routes = [
        Route(path, endpoint(form, call), methods=[method])
        for method, path, form, call in _OPERATIONS
    ]
    return Starlette(routes=[Route(f"{_ONE}/exists", exists), *routes])


@contextmanager
def rest_front(grpc_port, api_key=None):
    """REST in front of the engine at `grpc_port` while the block lasts; yields its address."""
    port = free_port()
    started = threading.Event()
    servers = []

    async def serve():
        client = AsyncQdrantClient(
            host="127.0.0.1",
            grpc_port=grpc_port,
            prefer_grpc=True,
            check_compatibility=False,
            headers={"api-key": api_key} if api_key else None,
        )

        class Told(uvicorn.Server):
            async def startup(self, sockets=None):
                await super().startup(sockets)
                started.set()

        servers.append(
            Told(uvicorn.Config(_application(client), port=port, lifespan="off", log_config=None))
        )
        await servers[0].serve()
        await client.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(30)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        servers[0].should_exit = True
        thread.join()
