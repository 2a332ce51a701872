"""A database of books, and the settings of a gateway over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
from ddl import ddl
from serving.my_api import models

if TYPE_CHECKING:
    from conftest import FreshDatabase


async def library(database: FreshDatabase) -> dict[str, Any]:
    """The settings of a gateway over a new database, as tables."""
    url = await database()
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(ddl(models.metadata), timeout=30)
        await connection.execute(
            "insert into authors (name) values ('Jane Austen');"
            "insert into books (title, day, author_id) values ('Emma', '1815-12-23', 1)",
            timeout=30,
        )
    finally:
        await connection.close()
    return {"resolvers": "serving.my_api.resolvers", "postgres": {"default": {"url": url}}}
