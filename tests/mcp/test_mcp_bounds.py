"""Agents are bounded as everybody is: how often they ask, how long they take to say it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from agent_shop import JSON, OPERATIONS, environment, fill, listening, message
from redis.asyncio import Redis

from gateway.app import create_app
from gateway.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from conftest import FreshDatabase


@pytest.fixture
async def shop(fresh_database: FreshDatabase, redis_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """A shop that is asked three times a minute at most, with figures."""
    url = await fresh_database()
    await fill(url)
    store = f"{redis_url.rpartition('/')[0]}/11"
    async with Redis.from_url(store) as client:
        await client.flushdb()
    own = {
        "REDIS_URL": store,
        "PLAIT_RATE_LIMIT_REQUESTS": "3",
        "PLAIT_RATE_LIMIT_TIMEOUT_SECONDS": "10",
        "PLAIT_TELEMETRY_METRICS": "true",
        "PLAIT_SERVE_BODY_SECONDS": "0.3",
    }
    with listening(environment(url, tmp_path, OPERATIONS, **own)) as address:
        yield address


async def begun(url: str, announced: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection with a message under way, whose body goes on after its first byte."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = ["POST /mcp HTTP/1.1", "host: a", "content-type: application/json"]
    head = "\r\n".join([*lines, f"content-length: {announced}", "", "{"])
    writer.write(head.encode())
    return reader, writer


async def test_messages_count_as_operations(shop: str) -> None:
    """Beyond the rate 429 says when to come again; figures tell of the path."""
    async with httpx.AsyncClient(timeout=60) as client:
        answers = [
            await client.post(f"{shop}/mcp", json=message("tools/list"), headers=JSON)
            for _ in range(4)
        ]
        figures = (await client.get(f"{shop}/metrics")).text
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    last = answers[-1]
    assert int(last.headers["retry-after"]) > 0
    assert last.json()["error"]["data"]["code"] == "RATE_LIMITED"
    assert 'http_route="/mcp"' in figures
    assert 'plait_refused_total{code="RATE_LIMITED"} 1.0' in figures


@pytest.mark.parametrize(
    ("announced", "status", "code"),
    [(9, b"408", "REQUEST_TIMEOUT"), (1 << 21, b"413", "PAYLOAD_TOO_LARGE")],
)
async def test_a_body_arrives_in_time_and_has_a_bound(
    shop: str, announced: int, status: bytes, code: str
) -> None:
    """What does not arrive is not waited for, and what is too large is not read."""
    reader, writer = await begun(shop, announced)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["data"]["code"] == code


async def test_who_leaves_is_not_answered(tmp_path: Path) -> None:
    """There is nobody to tell."""
    settings = environment("postgresql://u@127.0.0.1:1/d", tmp_path, OPERATIONS)
    sent: list[Any] = []

    async def leaving() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"9")]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers}
    async with create_app(load(environ=settings)) as app:
        await app(scope, leaving, send)  # type: ignore[arg-type]
    assert not sent
