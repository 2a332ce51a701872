"""The jobs that keep collections in step: one that a change defers, and a regular look.

A trigger defers the first in the transaction of the change, unless changes wait already: then
there is one. The regular look is for what that leaves out: a change committed just after that one
had ended, attempts that are due later, engines that were away.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.workflows.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.sync.filling import Filler
    from gateway.workflows.jobs import Attempt

_LOG = logging.getLogger(__name__)

FOLLOW, LOOK = "vector-sync", "vector-sync-look"
SECONDS = 60.0
"""The longest that one job fills a collection; the next look goes on."""
EVERY = "* * * * * */5"


def sync_jobs(fillers: Mapping[str, Filler]) -> list[Job]:
    """The jobs for these collections; none without any."""
    if not fillers:
        return []
    told: dict[str, str] = {}

    async def fill(filler: Filler) -> None:
        try:
            await filler.follow(SECONDS)
        except ConfigurationError as error:  # another attempt would not help: said once
            if told.get(filler.sync.name) != error.message:
                told[filler.sync.name] = error.message
                _LOG.warning("%s", error.message)

    async def follow(attempt: Attempt) -> None:
        filler = fillers.get(str(attempt.arguments.get("collection")))
        if filler is not None:
            await fill(filler)

    async def look(_: Attempt) -> None:
        ends = await asyncio.gather(*map(fill, fillers.values()), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end

    return [Job(FOLLOW, follow), Job(LOOK, look, attempts=1, every=EVERY)]
