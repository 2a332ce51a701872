"""The shop, behind a gateway: one for a module, empty for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from writes import shop, shop_tables
from writes.stand import Stand, standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def open_shop(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Stand]:
    """The shop's gateway, with whatever earlier tests left behind."""
    addresses = {
        "POSTGRES_URL": await module_database(),
        "REDIS_URL": f"{redis_url.rpartition('/')[0]}/13",
    }
    script = shop_tables.script(shop_tables.metadata, shop_tables.EXTRA)
    async with standing("writes.shop", script, addresses) as stand:
        yield stand


@pytest.fixture
async def stand(open_shop: Stand) -> Stand:
    """The shop with empty tables, their numbers beginning at one."""
    tables = ", ".join(table.name for table in shop_tables.metadata.sorted_tables)
    await open_shop.connection.execute(f"TRUNCATE {tables} RESTART IDENTITY", timeout=30)
    shop.HAPPENED.clear()
    return open_shop
