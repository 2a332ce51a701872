"""A page of one origin asks a gateway of another, in a real browser."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from browser.chromium import PROGRAM, Chromium
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from subscriptions.speaking import served

from gateway.app import create_app
from gateway.settings import load

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")

SCRIPT = """
const url = {url};
const sent = {{"content-type": "application/json", "graphql-require-preflight": "1"}};
const body = JSON.stringify({{query: "{{ hello }}"}});
const told = (promise) => promise.catch((error) => error.name);
const opened = new Promise((tell) => {{
  const socket = new WebSocket(url.replace("http", "ws"), "graphql-transport-ws");
  socket.onopen = () => tell("open");
  socket.onerror = () => tell("refused");
}});
Promise.all([
  told(fetch(url, {{method: "POST", headers: sent, body}}).then((one) => one.text())),
  told(fetch(url + "?query={{hello}}", {{headers: sent}}).then((one) => !!one.headers.get("etag"))),
  told(fetch(url, {{method: "POST", headers: sent, body, credentials: "include"}})),
  opened,
]).then((found) => {{ window.found = JSON.stringify(found); }});
"""


def page_of(addresses: list[str]) -> Starlette:
    """A page that asks the gateway, whose address is put there later."""

    async def show(_: Any) -> HTMLResponse:
        script = SCRIPT.format(url=json.dumps(addresses[0]))
        return HTMLResponse(f"<!doctype html><title>Page</title><script>{script}</script>")

    return Starlette(routes=[Route("/", show)])


async def test_a_page_of_a_named_origin_asks_and_another_may_not(tmp_path: Path) -> None:
    """It reads answers, and headers beside them, and opens a WebSocket; never with cookies."""
    addresses: list[str] = []
    async with AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(served(page_of(addresses))) for _ in range(2)]
        origins = [page.url.removesuffix("/graphql") for page in pages]
        settings = {"PLAIT_RESOLVERS": "transport.greetings", "PLAIT_SERVE_ORIGINS": origins[0]}
        gateway = await stack.enter_async_context(served(create_app(load(environ=settings))))
        addresses.append(gateway.url)
        browser = await asyncio.to_thread(Chromium, tmp_path)
        try:
            found = []
            for origin in origins:
                page = await asyncio.to_thread(browser.open, f"{origin}/")
                found.append(json.loads(await asyncio.to_thread(page.wait_for, "window.found")))
        finally:
            await asyncio.to_thread(browser.close)
    assert found == [
        ['{"data":{"hello":"hello"}}', True, "TypeError", "open"],
        ["TypeError", "TypeError", "TypeError", "refused"],
    ]
