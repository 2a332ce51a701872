"""What a client sees of a Directus that fails: its fields null, with an error each; nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import newsroom
import pytest
from standin import Asked, Pieces, drip, refusal, reply, standing_in

from gateway.sources.directus.credentials import StaticToken
from gateway.sources.http import HttpService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase
    from newsroom import Newsroom

QUERY = """
{
  trends(first: 3) { nodes { title article { title } } }
  authors { nodes { name } }
}
"""
AUTHORS = reply({"data": [{"name": "Ann"}]})
ARTICLES = reply({"data": [{"title": f"On {n}", "trend_id": n, "id": n} for n in (1, 2, 3)]})
WHOLE = {
    "trends": {
        "nodes": [{"title": f"Trend {n}", "article": {"title": f"On {n}"}} for n in (1, 2, 3)]
    },
    "authors": {"nodes": [{"name": "Ann"}]},
}
SECONDS = 0.7


class Failing:
    """Articles are answered with `fault`, where there is one; authors always well."""

    def __init__(self) -> None:
        self.fault: bytes | None = None
        self.drips = False

    def __call__(self, asked: Asked) -> bytes | Pieces:
        if asked.path.startswith("/items/authors"):
            return AUTHORS
        answer = ARTICLES if self.fault is None else self.fault
        return drip(answer * 50) if self.drips else answer


@pytest.fixture
def there() -> Failing:
    return Failing()


@pytest.fixture(scope="module")
async def database(module_database: FreshDatabase) -> str:
    """Three trends."""
    url = await module_database()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "CREATE TABLE newsroom_trends (id bigint PRIMARY KEY, title text NOT NULL);"
            "INSERT INTO newsroom_trends SELECT n, 'Trend ' || n FROM generate_series(1, 3) n"
        )
    finally:
        await connection.close()
    return url


@pytest.fixture
async def room(there: Failing, database: str) -> AsyncIterator[Newsroom]:
    async with standing_in(there) as stand_in:
        service = HttpService("directus", stand_in.url, max_bytes=100_000)
        sending = newsroom.Recording(service, StaticToken("a token of hunter2"))
        async with newsroom.running(sending, database) as running:
            yield running


FAULTS = {
    "slow": (b"", "SOURCE_TIMEOUT"),
    "broken off": (ARTICLES[:-10], "SOURCE_UNAVAILABLE"),
    "no HTTP": (b"hunter2", "SOURCE_UNAVAILABLE"),
    "HTML": (reply(b"<p>hunter2", content_type="text/html"), "SOURCE_ERROR"),
    "cut JSON": (reply(b'{"data":[{"title":"hunter2"'), "SOURCE_ERROR"),
    "no list": (reply({"data": {"title": "hunter2"}}), "SOURCE_ERROR"),
    "too large": (reply({"data": "hunter2" * 100_000}), "SOURCE_ERROR"),
    "a redirect": (reply(b"", 307, location="http://127.0.0.1/hunter2"), "SOURCE_ERROR"),
    "forbidden": (refusal("FORBIDDEN", 403, reason="hunter2"), "FORBIDDEN"),
    "our token": (refusal("INVALID_CREDENTIALS", 401), "CONFIGURATION"),
    "a crash": (refusal("INTERNAL_SERVER_ERROR", 500), "SOURCE_ERROR"),
    "down": (refusal("SERVICE_UNAVAILABLE", 503), "SOURCE_UNAVAILABLE"),
    "limited": (
        refusal("REQUESTS_EXCEEDED", 429, headers={"retry-after": "1"}),
        "SOURCE_OVERLOADED",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_stays_in_its_place(room: Newsroom, there: Failing, name: str) -> None:
    """Each article is null with its error; the rows and the authors are there; later all is well.

    Nothing of the fault is kept: the very next answer that is good is shown.
    """
    there.fault, code = FAULTS[name]
    there.drips = name == "slow"
    if there.drips:
        there.fault = ARTICLES
    body = await room.ask(QUERY, seconds=SECONDS)
    nodes = body["data"]["trends"]["nodes"]
    assert nodes == [{"title": f"Trend {n}", "article": None} for n in (1, 2, 3)]
    if name != "limited":  # where Directus is to be left alone, nobody asks it
        assert body["data"]["authors"] == WHOLE["authors"]
        assert {error["extensions"]["code"] for error in body["errors"]} == {code}
    paths = [error["path"] for error in body["errors"] if error["path"][0] == "trends"]
    assert paths == [["trends", "nodes", n, "article"] for n in range(3)]
    assert "hunter2" not in str(body)

    there.fault, there.drips = None, False
    assert await room.ask(QUERY) == {"data": WHOLE}


async def test_a_directus_that_is_down(room: Newsroom) -> None:
    """Refused connections: all of its fields fail at once, and again after it is spared."""
    assert room.sent is not None
    room.sent._service._url = "http://127.0.0.1:9"
    for _ in range(8):
        body = await room.ask(QUERY)
        assert body["data"]["authors"] is None
        assert [node["title"] for node in body["data"]["trends"]["nodes"]] == [
            "Trend 1",
            "Trend 2",
            "Trend 3",
        ]
        assert {error["extensions"]["code"] for error in body["errors"]} == {"SOURCE_UNAVAILABLE"}
