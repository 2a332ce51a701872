"""Large answers travel as bytes: what they need beside themselves is bounded."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from footprint import forget, resident
from writes import shop_tables
from writes.stand import Stand, standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

ROWS = 10_000
GROWTH = 60 << 20
"""Bytes that a request for so many rows may add to the process."""
FILL = f"""
INSERT INTO shelves (code, label, rank)
SELECT n, repeat('a label with some words ', 12), n % 999 FROM generate_series(1, {ROWS}) AS n;
INSERT INTO boxes (shelf_id, place, name) SELECT id, 1, 'box ' || id FROM shelves;
ANALYZE;
"""  # noqa: S608 - a number of our own
PAGE = f"""{{ shelves(first: {ROWS}) {{
    totalCount
    edges {{ cursor node {{ id code label rank version boxes {{ nodes {{ name }} }} }} }}
    pageInfo {{ hasNextPage endCursor }}
}} }}"""


@pytest.fixture
async def stand(fresh_database: FreshDatabase, redis_url: str) -> AsyncIterator[Stand]:
    """The shop's gateway with many shelves, and pages as large."""
    addresses = {"POSTGRES_URL": await fresh_database(), "REDIS_URL": redis_url}
    script = shop_tables.script(shop_tables.metadata, shop_tables.EXTRA) + FILL
    settings = {"PLAIT_LIMITS_MAX_LIST_PAGE": str(ROWS), "PLAIT_LIMITS_MAX_COST": "0"}
    async with standing("writes.shop", script, addresses, **settings) as made:
        yield made


async def test_ten_thousand_rows(stand: Stand) -> None:
    """Some megabytes of answer, time and again: the process grows by less than 60 MB at its peak."""
    small = PAGE.replace(str(ROWS), "10")
    assert (await stand.data(small))["shelves"]["totalCount"] == ROWS
    gc.collect()
    before = resident("VmRSS")
    forget()
    size = 0
    for _ in range(5):
        answer = await stand.answer(PAGE)
        size = len(answer.body)
        del answer
    assert size > 4 << 20
    assert resident("VmHWM") - before < GROWTH
    body = orjson.loads((await stand.answer(PAGE)).body)["data"]["shelves"]
    assert len({edge["node"]["id"] for edge in body["edges"]}) == ROWS
    assert body["pageInfo"]["hasNextPage"] is False


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (PAGE.replace(str(ROWS), "30"), {}),
        (
            "mutation ($new: [ShelfInsert!]!) { insertShelves(inputs: $new) { id } }",
            {"new": [{"code": f"z{number}", "label": "new"} for number in range(500)]},
        ),
    ],
    ids=["read", "write"],
)
async def test_an_answered_request_leaves_no_cycles(
    stand: Stand, document: str, variables: dict[str, Any]
) -> None:
    """All it held goes with it: the collector runs rarely, and what waits for it is memory."""
    if variables:
        undo = 'mutation { deleteShelves(where: {code: {like: "z%"}}) { id } }'
        await stand.data(document, variables)
        await stand.data(undo)
    else:
        await stand.data(document)
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await stand.answer(document, variables)
        gc.collect()
        left = [one for one in gc.garbage if type(one).__module__.startswith("gateway")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert left == []
