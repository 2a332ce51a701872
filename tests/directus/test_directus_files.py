"""Files that go on to a real Directus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from seed import READER_TOKEN
from writing import code, engine

from gateway.sources.directus.credentials import StaticToken
from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.limits import HttpLimits

if TYPE_CHECKING:
    from instance import Directus
    from newsroom import Newsroom

UPLOAD = """
mutation ($file: Upload!, $info: FileInfo) { upload(file: $file, info: $info) { id title url } }
"""
LIMITS = HttpLimits(max_upload_bytes=8_000_000, answer_seconds=20, upload_seconds=20)


async def uploaded(newsroom: Newsroom, content: bytes, name: str, **info: Any) -> dict[str, Any]:
    """The answer to an upload through the gateway's own HTTP."""
    app = GraphQLOverHTTP(newsroom.engine, limits=LIMITS)
    operations = {"query": UPLOAD, "variables": {"file": None, "info": info or None}}
    form: dict[str, Any] = {
        "operations": (None, json.dumps(operations)),
        "map": (None, json.dumps({"0": ["variables.file"]})),
        "0": (name, content, "text/plain"),
    }
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://plait") as client:
        headers = {"graphql-require-preflight": "1"}
        body = (await client.post("/graphql", files=form, headers=headers)).json()
    return dict(body)


@pytest.mark.parametrize("size", [0, 11, 5_000_000])
async def test_upload(newsroom: Newsroom, admin: httpx.AsyncClient, size: int) -> None:
    """A file arrives whole, with what was said of it, and its address leads to it."""
    content = bytes(number * 7 % 251 for number in range(size))
    body = await uploaded(newsroom, content, 'ä "b".txt', title="Said\r\nso")
    assert "errors" not in body, body
    found = body["data"]["upload"]
    assert found["title"] == "Said\r\nso"
    assert found["url"] == f"http://assets.example/assets/{found['id']}"
    assert (await admin.get(f"/assets/{found['id']}")).content == content
    stored = (await admin.get(f"/files/{found['id']}")).json()["data"]
    assert stored["type"] == "text/plain"
    assert int(stored["filesize"]) == size
    assert stored["filename_download"].startswith("ä")
    await admin.delete(f"/files/{found['id']}")


async def test_upload_without_permission(directus: Directus) -> None:
    """Who may not is told so; nothing is left behind."""
    async with engine(directus.url, StaticToken(READER_TOKEN)) as reader:
        assert code(await uploaded(reader, b"x" * 300_000, "x.txt")) == "FORBIDDEN"
