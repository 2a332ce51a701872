"""Named statements that the gateway asks for itself, outside any operation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from gateway.planning.steps import Verb
from gateway.schema import asks
from gateway.schema.access.rules import VIEWER_SPEC, viewer_values
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.execution.groups import Groups
    from gateway.planning.registry import Registry
    from gateway.schema.named.statement import NamedStatement
    from gateway.sources.contract import Prepared


class NamedQuery:
    """One `fetchrow` statement with declared columns, asked for anonymously.

    `seconds`: how long an answer may take. Equal questions that wait share one, as all reads do.
    """

    def __init__(
        self,
        statement: NamedStatement,
        sources: Registry,
        groups: Mapping[str, Groups],
        seconds: float,
    ) -> None:
        self._statement = statement
        self._sources = sources
        self._groups = groups
        self._seconds = seconds
        self._prepared: tuple[Prepared, tuple[tuple[int, int], ...]] | None = None

    async def row(self, *values: Any) -> dict[str, Any] | None:
        """The row for these values of its parameters, None where there is none.

        Raises SourceError, and ConfigurationError where its source is not configured.
        """
        prepared, slots = self._prepared or self._prepare()
        given = {0: values, VIEWER_SPEC: viewer_values(ANONYMOUS)}
        arguments = tuple([given[spec][index] for spec, index in slots])
        deadline = asyncio.get_running_loop().time() + self._seconds
        answer = await self._groups[prepared.source].single(prepared, arguments, deadline)
        row: dict[str, Any] | None = orjson.loads(answer) if isinstance(answer, bytes) else None
        return row

    def _prepare(self) -> tuple[Prepared, tuple[tuple[int, int], ...]]:
        statement = self._statement
        row = None
        if statement.row is not None:
            parts = [asks.Value(name, info) for name, info in statement.row.columns.items()]
            row = asks.Row(statement.row, tuple(parts))
        ask = asks.Named(statement, 0, row)
        prepare = self._sources.prepare
        self._prepared = prepare(Verb.NAMED, statement.source, ask, {0: ()})
        return self._prepared
