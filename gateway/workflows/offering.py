"""The workflows of one process: who may run which, and the jobs that do it."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import orjson

from gateway.context.registry import first_kept
from gateway.errors import Code, InputError, PlaitError
from gateway.workflows.crossing import RUN_ID, Crossings
from gateway.workflows.retention import Retention
from gateway.workflows.running import Runner
from gateway.workflows.store import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gateway.context.datasource import Datasource
    from gateway.sources.postgres.connections.pool import Pool
    from gateway.viewer import Viewer
    from gateway.workflows.context import Ask
    from gateway.workflows.declaring import Workflow
    from gateway.workflows.jobs import Job

MAX_VARIABLES = 100_000
"""Bytes of the JSON that a run is started with."""
_ID = re.compile(RUN_ID)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The one character of JSON that PostgreSQL does not keep, as orjson writes it."""


class Workflows:
    """`offered` workflows by name, over the datasources `sources`, for the roles `runners`.

    `keep`: seconds that ended runs are kept. `ask`: the gateway itself, as a workflow sees it.
    """

    def __init__(  # noqa: PLR0913 - what a process knows of workflows
        self,
        pool: Pool,
        offered: Mapping[str, Workflow],
        sources: Mapping[str, Datasource],
        *,
        ask: Callable[[Workflow], Ask],
        runners: frozenset[str],
        keep: float,
    ) -> None:
        self.offered = offered
        self.runs = Runs(pool)
        self.retention = Retention(self.runs, sources, keep)
        self._pool = pool
        self._sources = sources
        self._runner = Runner(self.runs, offered, sources, ask)
        self._runners = runners
        self._crossings = Crossings(offered.values())

    def jobs(self) -> Sequence[Job]:
        """What a worker does for workflows."""
        return (self._runner.job(), self.retention.job())

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    def permit(self, viewer: Viewer) -> None:
        """Raises PlaitError where the viewer may not run workflows."""
        if not viewer.is_among(self._runners):
            raise PlaitError("You may not run workflows.", code=Code.FORBIDDEN)

    async def start(self, name: str, request_id: str | None = None, variables: Any = None) -> str:
        """Begin a run, or continue the one with this id after its last saved step; the id.

        One that is under way or has succeeded is left as it is. Raises InputError.
        """
        workflow = self._named(name)
        chosen = request_id or secrets.token_hex(16)
        if not _ID.fullmatch(chosen):
            raise InputError(
                "`requestId` is 1 to 128 letters, digits, `.`, `_`, `:` and `-`, and begins "
                "with a letter or digit."
            )
        given = {} if variables is None else variables
        if not isinstance(given, dict):
            raise InputError("`variables` is a JSON object.")
        _check_variables(given)
        await self.runs.start(workflow, chosen, given, self._crossings.of(workflow, chosen))
        return chosen

    async def resume(self, request_id: str) -> str:
        """Continue a run after its last saved step. Raises InputError for an unknown id."""
        workflow = self._named((await self.runs.seen(request_id)).workflow)
        await self.runs.start(workflow, request_id, {})
        return request_id

    async def cancel(self, request_id: str) -> str:
        """End a run that has not ended. Raises InputError for an unknown id."""
        await self.runs.cancel(request_id)
        return request_id

    async def context(self, targets: Iterable[str], key: str, deadline: float) -> Any:
        """A context that a step saved, from the first of its targets that still keeps it.

        None where none does. Raises SourceError where one of them cannot be asked instead.
        """
        sources = [self._sources[one] for one in targets if one in self._sources]
        return await first_kept(source.within(deadline).load(key) for source in sources)

    def _named(self, name: str) -> Workflow:
        if name not in self.offered:
            listed = ", ".join(sorted(self.offered)) or "none"
            raise InputError(f"There is no workflow {name!r}; there is {listed}.")
        return self.offered[name]


def _check_variables(given: dict[str, Any]) -> None:
    """Raises InputError for what a run cannot be started with."""
    try:
        text = orjson.dumps(given)
    except TypeError:
        raise InputError(
            "`variables` cannot be written as JSON: whole numbers have at most 64 bits."
        ) from None
    if len(text) > MAX_VARIABLES:
        raise InputError(f"`variables` has at most {MAX_VARIABLES} bytes as JSON.")
    if _NUL.search(text):
        raise InputError("`variables` holds the character NUL, which the database does not keep.")
