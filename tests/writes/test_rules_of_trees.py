"""Rules that look into the table that is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from writes import trees
from writes.shop_tables import script
from writes.stand import code_of, standing

from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase
    from writes.stand import Stand

ANN = Viewer("ann")


@pytest.fixture
async def stand(fresh_database: FreshDatabase) -> AsyncIterator[Stand]:
    """Two owners, each with a row below their own."""
    addresses = {"POSTGRES_URL": await fresh_database()}
    async with standing("writes.trees", script(trees.metadata, trees.ROWS), addresses) as running:
        yield running


@pytest.mark.parametrize("change", ["parentId: null", 'owner: "ann", parentId: 1', 'title: "x"'])
async def test_an_upsert_takes_no_row_that_the_rule_hides(stand: Stand, change: str) -> None:
    """Whatever it would make of it: the rule's own rows are never taken for the row that is met."""
    before = await stand.rows("select * from trees order by id")
    seen = await stand.data("{ trees { nodes { slug } } }", viewer=ANN)
    assert [one["slug"] for one in seen["trees"]["nodes"]] == ["of-ann", "below-ann"]
    for write in ("upsertTree(input: %s)", "upsertTrees(inputs: [%s])"):
        given = write % f'{{slug: "below-bob", {change}}}'
        error = await stand.error(f"mutation {{ {given} {{ title }} }}", viewer=ANN)
        assert code_of(error) == "FORBIDDEN"
    assert await stand.rows("select * from trees order by id") == before


async def test_an_upsert_changes_a_row_that_the_rule_shows(stand: Stand) -> None:
    """Also where the rule finds that out in the same table."""
    write = 'mutation { upsertTree(input: {slug: "below-ann", title: "new"}) { id title } }'
    assert await stand.data(write, viewer=ANN) == {"upsertTree": {"id": "3", "title": "new"}}
