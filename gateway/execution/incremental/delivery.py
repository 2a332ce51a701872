"""Answers in parts: an operation's `@defer` and `@stream`, each part an operation of its own.

    first share → answer → keys of what was left out → the operations that bring it → parts

What is refused without the directives is refused with them: the operation is priced, read and
permitted as a whole before anything of it runs. Its parts have one deadline together.
"""

from __future__ import annotations

from contextlib import aclosing
from copy import copy
from functools import partial
from typing import TYPE_CHECKING

from gateway.documents.incremental.directives import if_variables
from gateway.documents.incremental.splitting import split
from gateway.errors import InputError
from gateway.execution.exchange import Answer, refusal
from gateway.execution.failures import ours
from gateway.execution.incremental.parts import Parts
from gateway.execution.incremental.rows_engine import rows_engine
from gateway.execution.planned import MAX_OUTLINES, PLANNED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from gateway.documents.incremental.shares import Share
    from gateway.documents.store import Operation
    from gateway.execution.engine import Engine
    from gateway.execution.exchange import GraphQLRequest
    from gateway.execution.incremental.formats import Form
    from gateway.execution.planned import PlannedRequest
    from gateway.planning.variables import Variables
    from gateway.viewer import Viewer

_END = b'{"hasNext":false}'
_SPLIT = "split"
"""The key of an operation's shares, among its `plans`."""


class _NoConditionError(InputError):
    """A variable that a directive reads is null; without the directive that would not matter."""


class Incremental:
    """Answers operations in parts, by an engine; at most `most` at once, others come whole."""

    def __init__(self, engine: Engine, *, most: int) -> None:
        self._engine = engine
        self._most = most
        self._open = 0
        self._answers = 0
        self._rows: tuple[Engine, Engine] | None = None

    def figures(self) -> dict[str, float]:
        """Gauge: answers under way in parts; counter: those that were begun."""
        return {"open": self._open, "answers": self._answers}

    async def answers(
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        *,
        allow_mutations: bool,
        deadline: float,
        form: Form,
    ) -> AsyncGenerator[Answer, None]:
        """The parts of the answer to a query or mutation; one if it has no others.

        Closing it cancels what is under way. Raises nothing but cancellation.
        """
        engine, operation, ready = self._engine, None, None
        answer = partial(
            engine.answer, request, viewer, allow_mutations=allow_mutations, deadline=deadline
        )
        try:
            document = await engine.load(request, deadline)
            operation = document.operation(request.operation_name)
            ready = await self._ready(operation, request, viewer, deadline)
        except _NoConditionError as error:
            yield refusal(error)
            return
        except Exception as error:  # noqa: BLE001 - what refuses it now refuses the whole below
            ours(error)
        if operation is None or ready is None:
            yield await answer(operation=operation)
            return
        begun = False
        self._open += 1
        try:
            share, planned = ready
            first = await answer(operation=share.operation)
            if not first.executed:
                yield first
                return
            self._answers += 1
            about_rows = self._about_rows(written=operation.kind == "mutation")
            parts = Parts(engine, about_rows, planned, deadline, form)
            async with aclosing(parts.of(first, share)) as following:
                async for part in following:
                    begun = True
                    yield part
        except Exception as error:  # noqa: BLE001 - nothing leaves unmasked; what was sent stays
            masked = refusal(ours(error))
            yield Answer(_END) if begun else masked
        finally:
            self._open -= 1

    async def _ready(
        self, operation: Operation, request: GraphQLRequest, viewer: Viewer, deadline: float
    ) -> tuple[Share, PlannedRequest] | None:
        """The shares of an operation, permitted as a whole; None where it is answered whole."""
        if operation.written is None or operation.kind == "subscription":
            return None
        engine = self._engine
        if self._open >= self._most or (
            request.extensions and engine.wishes(request.extensions, "explain")
        ):
            return None
        planned = await engine.planned(operation, request.variables or {}, viewer, deadline)
        share = self._split(operation, planned.variables)
        return None if share is None else (share, planned)

    def _split(self, operation: Operation, variables: Variables) -> Share | None:
        """The shares under this request's conditions; made once."""
        written = operation.written
        if written is None:
            return None
        known = operation.plans.setdefault(_SPLIT, {})
        conditions = operation.plans[PLANNED].conditions
        names = known.setdefault("names", (*conditions, *if_variables(written)))
        values = tuple([variables.coerced.get(name, True) for name in names])
        if None in values:
            name = names[values.index(None)]
            raise _NoConditionError(f"`${name}` must not be null where a directive reads it.")
        if values not in known:
            if len(known) > MAX_OUTLINES:
                known.clear()
                known["names"] = names
            holding = dict(zip(names, values, strict=True))
            known[values] = split(self._engine.api.catalog, operation, written, holding)
        found: Share | None = known[values]
        return found

    def _about_rows(self, *, written: bool) -> Engine:
        """What answers about rows by key; where something was `written`, as it is since then."""
        if self._rows is None:
            made = rows_engine(self._engine)
            fresh = copy(made)
            fresh.groups, fresh.cached = made.fresh, None
            self._rows = made, fresh
        return self._rows[written]
