"""What a step gets: its run, the variables, and the datasources that its workflow lists."""

from __future__ import annotations

import asyncio
import operator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gateway.context.datasource import Datasource
    from gateway.workflows.records import StepRecord

Ask: TypeAlias = "Callable[[str, Mapping[str, Any]], Awaitable[Any]]"
"""An operation's `data`, by its document and variables."""

NOTED_EVERY = 0.25
"""Seconds between two notes of a step's progress."""
_MOST = 2**53 - 1
"""What a JSON number holds everywhere."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the run answers to. `id`: the request id, by which it is continued."""

    id: str


class StepContext:
    """What a node is called with.

    `vars`: the run's variables; what a step returns becomes one under the step's name. They are
    saved after the step, so they hold JSON only, and references instead of large data.
    `key`: the same at every try of this step and of no other: by it work is known that was done
    already. `tries`: from 1.
    """

    def __init__(  # noqa: PLR0913 - what a step may reach
        self,
        *,
        request_id: str,
        step: StepRecord,
        variables: dict[str, Any],
        sources: Mapping[str, Datasource],
        note: Callable[[], Awaitable[None]],
        ask: Ask,
    ) -> None:
        self.request = RunRequest(request_id)
        self.step = step.name
        self.tries = step.tries
        self.key = f"{request_id}-{step.name}"
        self.vars = variables
        self._record = step
        self._sources = sources
        self._note = note
        self._ask = ask
        self._noted = 0.0

    async def datasource(self, name: str, key: str) -> Any:
        """The value under a key of a datasource, None where there is none.

        Raises InputError for a name that the workflow does not list, SourceError where the
        datasource does not answer.
        """
        return await self.source(name).load(key)

    def source(self, name: str) -> Datasource:
        """A datasource, to read and write. Raises InputError that lists those of the workflow."""
        if name not in self._sources:
            listed = ", ".join(self._sources) or "none"
            raise InputError(
                f"The workflow lists no datasource {name!r}; available: {listed}.",
            )
        return self._sources[name]

    async def query(self, document: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Ask the gateway itself: the `data` of a GraphQL operation, also of a mutation.

        It is asked as somebody with the workflow's roles, with the time of any request. Raises
        PlaitError with the first error where there is any.
        """
        return await self._ask(document, variables or {})

    async def progress(self, done: int, total: int | None = None) -> None:
        """Note how far the step has come; often is fine, only some are written.

        Also the moment at which a step learns that its run was cancelled or taken over: it ends.
        Raises InputError for what is no whole number.
        """
        self._record.done = _counted(done)
        self._record.total = None if total is None else _counted(total)
        now = asyncio.get_running_loop().time()
        if now - self._noted >= NOTED_EVERY:
            self._noted = now
            await self._note()


def _counted(number: Any) -> int:
    """A whole number that any reader of the record takes, also one of numpy's."""
    with suppress(TypeError):
        if 0 <= (whole := operator.index(number)) <= _MOST:
            return int(whole)
    raise InputError(f"Progress is told in whole numbers from 0 to {_MOST}.")
