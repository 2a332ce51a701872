"""Removing what has expired in datasources whose engines do not by themselves."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.context.datasource import Datasource

_LOG = logging.getLogger(__name__)
_ROUNDS = 1_000
"""Batches of one go; what is left then waits for the next."""


async def prune(sources: Mapping[str, Datasource]) -> None:
    """Remove what has expired; a source that is away is logged, and left to the next time."""
    for source in sources.values():
        try:
            for _ in range(_ROUNDS):
                if not await source.prune():
                    break
        except SourceError:
            _LOG.warning("the datasource %s could not be pruned", source.name)


async def keep_pruned(sources: Mapping[str, Datasource], seconds: float = 600.0) -> None:
    """`prune` again and again, every so many seconds, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        await prune(sources)
