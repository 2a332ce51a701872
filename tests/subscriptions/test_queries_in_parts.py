"""Queries with `@defer` by a real listener: over graphql-transport-ws and as multipart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp
from toy.clients import put_together

if TYPE_CHECKING:
    from subscriptions.newsroom import Newsroom

QUERY = "{ story(id: 901) { id ... @defer { title author { name } } } }"
WHOLE = {"story": {"id": "901", "title": "Parts", "author": {"name": "Ann"}}}


async def test_each_part_is_a_message(room: Newsroom) -> None:
    """As `next` under the operation's id, and `complete` after the last."""
    await room.write(
        "INSERT INTO stories (id, title, desk, author_id) VALUES (901, 'Parts', 'a', 1)"
    )
    async with room.server.talk() as talk:
        identity = await talk.begin(QUERY)
        messages = [await talk.hear() for _ in range(3)]
    assert [one["type"] for one in messages] == ["next", "next", "complete"]
    assert all(one["id"] == identity for one in messages)
    assert put_together([one["payload"] for one in messages[:2]]) == {"data": WHOLE, "errors": []}


async def test_each_part_is_a_chunk(room: Newsroom) -> None:
    """Through uvicorn, as a library of a client reads multipart."""
    url = f"http://127.0.0.1:{room.server.port}/graphql"
    accept = {"accept": "multipart/mixed;deferSpec=20220824, application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json={"query": QUERY}, headers=accept) as response,
    ):
        reader = aiohttp.MultipartReader.from_response(response)
        parts = [json.loads(await part.text()) async for part in reader]  # type: ignore[union-attr]  # no part is nested
    assert put_together(parts) == {"data": WHOLE, "errors": []}
