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


async def test_a_live_query_is_shown_as_it_changes(room: Newsroom, tmp_path: Path) -> None:
    """The page hears of a changed row without another press."""
    await room.write("INSERT INTO stories VALUES (761, 'as it was', 'page')")
    browser = await asyncio.to_thread(Chromium, tmp_path)
    try:
        url = f"http://{LOOPBACK}:{room.server.port}/graphql"
        page = await asyncio.to_thread(browser.open, url)
        editor, shown = ".graphiql-query-editor .view-lines", ".graphiql-response .view-lines"
        await asyncio.to_thread(page.wait_for_text, editor, "beats")
        second = "document.querySelectorAll('.graphiql-tab-button')[1]"
        await asyncio.to_thread(page.evaluate, f"{second}.click()")
        await asyncio.to_thread(page.wait_for_text, editor, "live")
        await asyncio.to_thread(page.click, ".graphiql-execute-button")
        await asyncio.to_thread(page.wait_for_text, shown, "as it was")
        await room.write("UPDATE stories SET title = 'as it is' WHERE id = 761")
        await asyncio.to_thread(page.wait_for_text, shown, "as it is")
    finally:
        await asyncio.to_thread(browser.close)
    assert browser.complaints() == []


async def test_parts_are_put_into_the_answer_as_they_come(room: Newsroom, tmp_path: Path) -> None:
    """A deferred fragment is asked for as an event stream, and stands where it belongs."""
    await room.write("INSERT INTO stories VALUES (762, 'in parts', 'page')")
    browser = await asyncio.to_thread(Chromium, tmp_path)
    try:
        url = f"http://{LOOPBACK}:{room.server.port}/graphql"
        page = await asyncio.to_thread(browser.open, url)
        editor, shown = ".graphiql-query-editor .view-lines", ".graphiql-response .view-lines"
        await asyncio.to_thread(page.wait_for_text, editor, "beats")
        await asyncio.to_thread(page.click, "[aria-label='New tab']")
        await asyncio.to_thread(page.click, ".graphiql-query-editor .monaco-editor")
        document = '{ story(id: "762") { id ... @defer { title } } }'
        await asyncio.to_thread(page.call, "Input.insertText", text=document)
        await asyncio.to_thread(page.click, ".graphiql-execute-button")
        await asyncio.to_thread(page.wait_for_text, shown, "in parts")
        answer = await asyncio.to_thread(
            page.evaluate, f"document.querySelector('{shown}').innerText"
        )
        assert "incremental" not in answer
        accepted = [
            event["params"]["request"]["headers"].get("accept")
            for event in browser.events
            if event["method"] == "Network.requestWillBeSent"
        ]
        assert "text/event-stream" in accepted
    finally:
        await asyncio.to_thread(browser.close)
    assert browser.complaints() == []
