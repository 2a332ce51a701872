"""Forgetting: runs that ended long ago, with their contexts, and what expired in datasources."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gateway.context.registry import prune
from gateway.errors import SourceError
from gateway.workflows.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.context.datasource import Datasource
    from gateway.workflows.jobs import Attempt
    from gateway.workflows.records import StepRecord
    from gateway.workflows.store import Runs

_LOG = logging.getLogger(__name__)
JOB = "plait.retention"
EVERY = "*/10 * * * *"
"""Every ten minutes."""
_ROUNDS = 1_000
"""Batches of one go; what is left then waits for the next."""


class Retention:
    """Forgets runs `keep` seconds after their end, 0 for never."""

    def __init__(self, runs: Runs, sources: Mapping[str, Datasource], keep: float) -> None:
        self._runs = runs
        self._sources = sources
        self._keep = keep

    def job(self) -> Job:
        """The periodic job."""
        return Job(JOB, self._perform, attempts=1, every=EVERY)

    async def _perform(self, _: Attempt) -> None:
        await self.forget()
        await prune(self._sources)

    async def forget(self) -> int:
        """Forget what is old enough; how many runs that were.

        A run whose contexts cannot be deleted now is kept until they can.
        """
        if not self._keep:
            return 0
        count, after = 0, ""
        for _ in range(_ROUNDS):
            old = await self._runs.ended(self._keep, after)
            if not old:
                break
            for name in old:
                count += await self._runs.forget(name, self._keep, self._deleted)
            after = old[-1]
        await self._runs.forget_jobs(self._keep)
        return count

    async def _deleted(self, steps: list[StepRecord]) -> bool:
        try:
            for step in steps:
                for target in step.targets:
                    if target in self._sources:
                        await self._sources[target].delete(step.key)
        except SourceError:
            _LOG.warning("the contexts of an old run could not be deleted yet")
            return False
        return True
