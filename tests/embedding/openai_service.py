"""A service that speaks the OpenAI embeddings protocol, over real HTTP, and can be told to fail."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import math
import socket
import struct
from collections import deque
from contextlib import asynccontextmanager

import uvicorn

DIMENSIONS = 8
KEY = "the-key-of-the-service"
MODEL = "toy-embedding-1"


def meaning(text, dimensions=DIMENSIONS):
    """The vector this service gives a text: of some length, the same every time."""
    digest = hashlib.sha256(text.encode()).digest()
    return [digest[index % 32] - 127.5 for index in range(dimensions)]


def unit(vector):
    """The same at length 1."""
    length = math.hypot(*vector)
    return [one / length for one in vector]


class Fault:
    """What goes wrong with one request: a status, with headers, or another body."""

    def __init__(self, status=200, headers=(), body=None, *, hang=False, cut=False):
        self.status = status
        self.headers = list(headers)
        self.body = body
        self.hang = hang
        self.cut = cut


class Service:
    """The ASGI application. `faults` are used up by the next requests, one each.

    `asked`: the texts of every request that arrived. `gate`: requests wait for it to be set.
    `refused`: texts for which a request is answered 400. `forms`: those of vectors that it knows;
    asked for others, it answers 400.
    """

    def __init__(self):
        self.faults = deque()
        self.asked = []
        self.bodies = []
        self.refused = set()
        self.forms = {"base64", "float"}
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = 0
        self.most_under_way = 0
        self.left = 0
        self.url = ""

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self._answer(scope, receive, send)
        finally:
            self.under_way -= 1

    async def _answer(self, scope, receive, send):
        body = json.loads(await _body(receive))
        headers = dict(scope["headers"])
        self.bodies.append((scope["path"], headers, body))
        self.asked.append(body["input"])
        fault = self.faults.popleft() if self.faults else Fault()
        if fault.hang:
            await _until_gone(receive)
            self.left += 1
            return
        await self.gate.wait()
        if headers.get(b"authorization") != f"Bearer {KEY}".encode():
            fault = Fault(401)
        if self.refused.intersection(body["input"]):
            fault = Fault(400)
        if body["encoding_format"] not in self.forms:
            fault = Fault(400)
        answer = fault.body if fault.body is not None else _vectors(body)
        start = [(b"content-type", b"application/json"), *fault.headers]
        if fault.cut:
            start.append((b"content-length", str(len(answer)).encode()))
            answer = answer[: len(answer) // 2]
        await send({"type": "http.response.start", "status": fault.status, "headers": start})
        await send({"type": "http.response.body", "body": answer, "more_body": False})


def _vectors(body):
    size = body.get("dimensions", DIMENSIONS)
    vectors = [meaning(text, size) for text in body["input"]]
    if body["encoding_format"] == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{size}f", *one)).decode() for one in vectors]
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(vectors)
    ]
    # Backwards, as the protocol promises an index and no order.
    return json.dumps({"object": "list", "data": data[::-1], "model": MODEL}).encode()


def answer_of(*vectors, indices=None):
    """The bytes of an answer with these vectors."""
    numbers = range(len(vectors)) if indices is None else indices
    data = [{"index": n, "embedding": v} for n, v in zip(numbers, vectors, strict=True)]
    return json.dumps({"data": data}).encode()


async def _body(receive):
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def serving():
    """The service on a free loopback port."""
    service = Service()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(service, log_level="critical", lifespan="off", http="h11")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    service.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    try:
        while not server.started:  # noqa: ASYNC110 - polls another side
            await asyncio.sleep(0.01)
        yield service
    finally:
        server.should_exit = server.force_exit = True
        await running
        listener.close()
