"""Writes of items: each once, never tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import PlaitError
from gateway.sources.contract import Budget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.execution.waves import Waves
    from gateway.planning.steps import Fetch
    from gateway.sources.contract import Value


async def items_of(writers: Mapping[str, Any], waves: Waves, fetch: Fetch) -> list[Value]:
    """The items that a field wrote, holes still open.

    Raises PlaitError: what the source raises, or what is wrong with one of the items.
    """
    writer = writers[fetch.prepared.source]
    arguments = fetch.arguments(waves.values)
    values = await writer.write(fetch.prepared, arguments, Budget(waves.deadline))
    items = [waves.whole(value, fetch) for value in values]
    for item in items:
        if isinstance(item, PlaitError):
            raise item
    return items
