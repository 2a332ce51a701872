"""A toy shop's database: one that tests only read, and one of a test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from named.named_shop import TABLES, execute

if TYPE_CHECKING:
    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def shop_url(module_database: FreshDatabase) -> str:
    """A filled database that the module's tests share; they leave it as it is."""
    url = await module_database()
    await execute(url, TABLES)
    return url


@pytest.fixture
async def own_shop_url(fresh_database: FreshDatabase) -> str:
    """A filled database of the test's own."""
    url = await fresh_database()
    await execute(url, TABLES)
    return url
