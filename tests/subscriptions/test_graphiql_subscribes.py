"""GraphiQL subscribes, in a real browser, to a running gateway."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from browser.chromium import LOOPBACK, PROGRAM, Chromium
from subscriptions.newsroom import PULSE
from subscriptions.speaking import until

from gateway.transport.graphiql import STATIC

if TYPE_CHECKING:
    from pathlib import Path

    from subscriptions.newsroom import Newsroom

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not STATIC.exists(), reason="GraphiQL is not built: make ui"),
]


async def test_events_are_shown_as_they_come_until_it_is_stopped(
    room: Newsroom, tmp_path: Path
) -> None:
    """One press subscribes, each event is shown, and another press ends it at the server too."""
    browser = await asyncio.to_thread(Chromium, tmp_path)
    try:
        url = f"http://{LOOPBACK}:{room.server.port}/graphql"
        page = await asyncio.to_thread(browser.open, url)
        shown = ".graphiql-response .view-lines"
        await asyncio.to_thread(page.wait_for_text, ".graphiql-query-editor .view-lines", "beats")
        await asyncio.to_thread(page.click, ".graphiql-execute-button")
        await until(lambda: len(PULSE.queues) == 1)
        for text in ("one", "two"):
            PULSE.send(text)
            await asyncio.to_thread(page.wait_for_text, shown, f"None: {text}")
        await asyncio.to_thread(page.click, ".graphiql-execute-button")
        await until(lambda: not PULSE.queues)
    finally:
        await asyncio.to_thread(browser.close)
    assert browser.complaints() == []
