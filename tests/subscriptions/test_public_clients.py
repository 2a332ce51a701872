"""The clients that most people use (npm `graphql-ws`, `graphql-sse`) against the gateway."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from npm import install, run
from subscriptions.newsroom import KEYS

if TYPE_CHECKING:
    from subscriptions.newsroom import Newsroom

CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients, installed outside the checkout."""
    return install(CLIENTS, tmp_path_factory.mktemp("clients"))


async def test_both_clients_are_served(clients: Path, room: Newsroom) -> None:
    """Values in order and an end; errors as errors; leaving in the middle harms nothing after it."""
    command = ["node", "run.mjs", room.server.url, KEYS["ann"]]
    await room.write("INSERT INTO stories VALUES (781, '0', 'npm')")
    running = asyncio.create_task(asyncio.to_thread(run, command, clients))
    while not running.done():  # the live query hears of it until it has enough
        await room.write("UPDATE stories SET title = (title::int + 1)::text WHERE id = 781")
        await asyncio.wait({running}, timeout=0.2)
    finished = await running
    assert finished.returncode == 0, finished.stderr
    told: dict[tuple[str, str], Any] = {
        (line["client"], line["operation"]): line
        for line in map(json.loads, finished.stdout.splitlines())
    }
    assert len(told) == 12
    for client in ("graphql-ws", "graphql-sse"):
        live = told[client, "live"]["heard"]
        assert live == sorted(set(live))
        counted = told[client, "subscription"]
        assert [result["data"]["countdown"] for result in counted["heard"]] == [3, 2, 1]
        assert counted["end"] == "complete"
        for operation in ("query", "after"):
            assert told[client, operation]["heard"] == [{"data": {"__typename": "Query"}}]
        for operation, message in (
            ("invalid", "Cannot query field 'nothing' on type 'Query'."),
            ("refused", "Not today."),
        ):
            answer = told[client, operation]
            errors = [error["message"] for one in answer["heard"] for error in one["errors"]]
            assert (errors or answer["end"]) == [message]


def test_the_lock_names_no_registry() -> None:
    """No registry's address may be committed."""
    lock = (CLIENTS / "package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in lock
    assert '"resolved"' not in lock
