"""An answer in parts on the wire: when the client leaves, and when time is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from toy.running import Zoo, running

from gateway.errors import Code, RequestError
from gateway.execution.incremental.delivery import Incremental
from gateway.execution.incremental.formats import Form
from gateway.transport.framing import MULTIPART, SSE
from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.limits import HttpLimits
from gateway.transport.negotiation import EVENT_STREAM, GRAPHQL, LEGACY, negotiate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

    from gateway.transport.framing import Framing

QUERY = "{ motto ... @defer { animals(first: 1) { nodes { id } } } }"
LOCK = "BEGIN; LOCK TABLE animals IN ACCESS EXCLUSIVE MODE"


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url) as one:
        yield one


class Exchange:
    """One request to the endpoint; its client leaves when it is told to."""

    def __init__(self, zoo: Zoo, seconds: float) -> None:
        self.incremental = Incremental(zoo.engine, most=5)
        self.left = asyncio.Event()
        self.sent: list[dict[str, Any]] = []
        self.first = asyncio.Event()
        limits = HttpLimits(answer_seconds=seconds, grace_seconds=0.2)
        self.app = GraphQLOverHTTP(zoo.engine, incremental=self.incremental, limits=limits)
        self._body: list[bytes] = [orjson.dumps({"query": QUERY})]

    async def receive(self) -> dict[str, Any]:
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if b"motto" in message.get("body", b""):
            self.first.set()

    async def run(self) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"accept", b"multipart/mixed;deferSpec=20220824, application/json"),
        ]
        scope = {"type": "http", "method": "POST", "headers": headers, "query_string": b""}
        await self.app(scope, self.receive, self.send)  # type: ignore[arg-type]  # plain functions

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def test_a_client_that_leaves_between_parts(zoo: Zoo) -> None:
    """The work for the next part is cancelled, also in the source."""
    exchange = Exchange(zoo, seconds=20)
    await zoo.connection.execute(LOCK)
    try:
        asking = asyncio.ensure_future(exchange.run())
        async with asyncio.timeout(15):
            await exchange.first.wait()
            assert exchange.incremental.figures()["open"] == 1
            exchange.left.set()
            await asking
        assert exchange.incremental.figures()["open"] == 0
        assert exchange.body.endswith(b'"hasNext":true}\r\n---')
    finally:
        await zoo.connection.execute("ROLLBACK")


async def test_the_deadline_is_that_of_all_parts(zoo: Zoo) -> None:
    """A part that does not come in time is an error, and the answer ends as it should."""
    exchange = Exchange(zoo, seconds=1)
    await zoo.connection.execute(LOCK)
    try:
        async with asyncio.timeout(15):
            await exchange.run()
    finally:
        await zoo.connection.execute("ROLLBACK")
    assert b"SOURCE_TIMEOUT" in exchange.body
    assert exchange.body.endswith(b'"hasNext":false}\r\n-----\r\n')
    assert exchange.sent[-1].get("more_body", False) is False
    assert exchange.incremental.figures()["open"] == 0


@pytest.mark.parametrize(
    ("accept", "base", "form"),
    [
        ("multipart/mixed;deferSpec=20220824,application/json", LEGACY, Form.LEGACY),
        ('Multipart/Mixed; incrementalSpec="v0.2", application/json', LEGACY, Form.CURRENT),
        ("application/graphql-response+json, multipart/mixed;q=0.1", GRAPHQL, Form.LEGACY),
        ("multipart/mixed;deferSpec=2, application/json", LEGACY, None),
        ("multipart/mixed;subscriptionSpec=1.0, application/json", LEGACY, None),
        ("multipart/mixed;q=0, application/json", LEGACY, None),
        ("multipart/*, application/json", LEGACY, None),
        ("text/event-stream, multipart/mixed", EVENT_STREAM, None),
    ],
)
def test_who_takes_parts(accept: str, base: Any, form: Form | None) -> None:
    """Whoever names a format of ours, beside the type for all other answers."""
    media = negotiate(accept.encode())
    assert media.content_type == base.content_type
    assert media.lenient is base.lenient
    assert media.parts is form


@pytest.mark.parametrize(
    ("accept", "form", "live"),
    [
        ("multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json", None, MULTIPART),
        (
            'multipart/mixed;deferSpec=20220824, multipart/mixed; subscriptionSpec="1.0"',
            Form.LEGACY,
            MULTIPART,
        ),
        ("multipart/mixed;subscriptionSpec=2.0, application/json", None, None),
        ("multipart/mixed;subscriptionSpec=1.0;q=0, application/json", None, None),
        ("multipart/mixed, application/json", Form.LEGACY, None),
        ("multipart/mixed;subscriptionSpec=1.0, text/event-stream", None, SSE),
    ],
)
def test_who_takes_events(accept: str, form: Form | None, live: Framing | None) -> None:
    """Whoever names a way of ours; a client may take answers in parts as well."""
    media = negotiate(accept.encode())
    assert media.parts is form
    assert media.live is live


def test_only_an_unknown_format_is_not_acceptable() -> None:
    """As any type that we do not write."""
    with pytest.raises(RequestError) as raised:
        negotiate(b"multipart/mixed;deferSpec=2")
    assert raised.value.code is Code.NOT_ACCEPTABLE
