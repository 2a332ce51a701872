"""A call ends where its client leaves it, or takes it back: in the database, too."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest
from agent_shop import EDITOR, JSON, OPERATIONS, agent, environment, fill, listening, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from conftest import FreshDatabase

MODERN = "2026-07-28"
REVISIONS = ("", "2025-06-18", MODERN)
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
RUNNING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep%'"
)


@pytest.fixture(scope="module")
async def database(module_database: FreshDatabase) -> str:
    """The shop's."""
    url = await module_database()
    await fill(url)
    return url


@pytest.fixture(scope="module")
def shop(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A shop in which calls may take half a minute."""
    with listening(environment(database, tmp_path_factory.mktemp("shop"), OPERATIONS)) as url:
        yield url


@pytest.fixture
async def sleeping(database: str) -> AsyncIterator[Callable[[int], Any]]:
    """`await sleeping(1)`: until so many of the shop's statements sleep."""
    connection = await asyncpg.connect(database, timeout=10)

    async def seen(count: int) -> None:
        async with asyncio.timeout(10):
            while await connection.fetchval(RUNNING, timeout=10) != count:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)

    try:
        yield seen
    finally:
        await connection.close()


def call(revision: str, tool: str, **given: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The message and the headers of a call in a revision of the protocol."""
    body = message("tools/call", name=tool, arguments=given)
    headers = JSON | ({"mcp-protocol-version": revision} if revision else {})
    if revision == MODERN:
        body["params"]["_meta"] = ENVELOPE
        headers |= {"mcp-method": "tools/call", "mcp-name": tool}
    return body, headers


async def opened(url: str, body: Any, headers: dict[str, str]) -> asyncio.StreamWriter:
    """A connection on which a message was sent, and nothing is read."""
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    sent = json.dumps(body).encode()
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = ["POST /mcp HTTP/1.1", "host: a", f"content-length: {len(sent)}", *lines, "", ""]
    writer.write("\r\n".join(head).encode() + sent)
    return writer


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_client_that_leaves_takes_its_statement_along(
    shop: str, sleeping: Callable[[int], Any], revision: str, before: int
) -> None:
    """In every revision, of the first call as of a later one; the shop serves on."""
    body, headers = call(revision, "NoteById", id="3")
    async with httpx.AsyncClient(timeout=60) as client:
        for _ in range(before):
            await client.post(f"{shop}/mcp", json=body, headers=headers)
        writer = await opened(shop, *call(revision, "Asleep", seconds=25))
        await sleeping(1)
        writer.close()
        await sleeping(0)
        answered = await client.post(f"{shop}/mcp", json=body, headers=headers)
    assert answered.json()["result"]["content"]


@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_a_call_that_the_sdk_s_client_cancels_ends(
    shop: str, sleeping: Callable[[int], Any], mode: str
) -> None:
    """By a notification or by leaving, as the revision has it; the client goes on."""
    async with agent(shop, mode) as client:
        calling = asyncio.create_task(client.call_tool("Asleep", {"seconds": 25}))
        await sleeping(1)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await sleeping(0)
        assert not (await client.call_tool("NoteById", {"id": "3"})).is_error


async def test_a_call_is_cancelled_by_who_made_it(
    shop: str, sleeping: Callable[[int], Any]
) -> None:
    """In the same session, with the same credentials and id; all others are told nothing."""
    body, headers = call("2025-06-18", "Asleep", seconds=25)
    own = headers | {"mcp-session-id": "mine", "x-api-key": EDITOR}
    async with httpx.AsyncClient(timeout=60) as client:

        async def cancel(number: Any, **changed: str | None) -> int:
            lines = own | {name.replace("_", "-"): value for name, value in changed.items()}
            kept = {name: value for name, value in lines.items() if value is not None}
            told = {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": number},
            }
            return (await client.post(f"{shop}/mcp", json=told, headers=kept)).status_code

        calling = asyncio.create_task(client.post(f"{shop}/mcp", json=body, headers=own))
        await sleeping(1)
        for refused in (
            cancel(1, mcp_session_id="another"),
            cancel(1, mcp_session_id=None),
            cancel(1, x_api_key=None),
            cancel(2),
            cancel("1"),
            cancel(None),
            cancel([1]),
        ):
            assert await refused == 202
        await sleeping(1)
        assert await cancel(1) == 202
        answered = await calling
        await sleeping(0)
        assert await cancel(1) == 202
    assert answered.status_code == 200
    assert answered.json() == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32800, "message": "Request cancelled"},
    }


async def test_an_id_that_is_used_twice_is_the_later_call_s(
    shop: str, sleeping: Callable[[int], Any]
) -> None:
    """The earlier one goes on until its client leaves."""
    told = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    writers, headers = [], {"mcp-session-id": "twice"}
    for calls, seconds in ((1, 25), (2, 26)):
        body, lines = call("2025-06-18", "Asleep", seconds=seconds)
        headers |= lines
        writers.append(await opened(shop, body, headers))
        await sleeping(calls)
    async with httpx.AsyncClient(timeout=60) as client:
        for _ in range(2):
            await client.post(f"{shop}/mcp", json=told, headers=headers)
            await sleeping(1)
    for writer in writers:
        writer.close()
    await sleeping(0)


async def test_without_a_session_nobody_cancels(shop: str, sleeping: Callable[[int], Any]) -> None:
    """Clients count from 1: a call without one could be anybody's."""
    body, headers = call("2025-06-18", "Asleep", seconds=0.5)
    told = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    async with httpx.AsyncClient(timeout=60) as client:
        calling = asyncio.create_task(client.post(f"{shop}/mcp", json=body, headers=headers))
        await sleeping(1)
        assert (await client.post(f"{shop}/mcp", json=told, headers=headers)).status_code == 202
        answered = await calling
    assert answered.json()["result"]["structuredContent"] == {"data": {"asleep": False}}
