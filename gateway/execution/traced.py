"""The engine and its queues of reads, traced: what stands in their place where traces are wanted.

request → document → plan → each fetch, as a request sees them: a fetch includes the time for which
it waited, and may be shared with other requests.
"""

from __future__ import annotations

from contextvars import copy_context
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from gateway.documents.store import DocumentStore
from gateway.execution.groups import Groups
from gateway.execution.metered import MeteredEngine
from gateway.sources.contract import Bound
from gateway.telemetry.tracing import fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.documents.store import Document
    from gateway.execution.exchange import Answer, GraphQLRequest
    from gateway.execution.groups.waiting import Member, Pending
    from gateway.planning.outline import Outline
    from gateway.planning.steps import Plan
    from gateway.schema.selection import Reader
    from gateway.sources.contract import Key, Prepared, Value
    from gateway.telemetry.tracing import Tracing
    from gateway.viewer import Viewer

_MOST_SUMMARY = 255
"""Characters of a summary, as the conventions advise."""


class TracedEngine(MeteredEngine):
    """An engine whose requests are traced, and counted."""

    def __init__(self, *collaborators: Any, tracing: Tracing, **options: Any) -> None:
        super().__init__(*collaborators, **options)
        self._tracing = tracing

    async def answer(self, request: GraphQLRequest, viewer: Viewer, **options: Any) -> Answer:
        """As of `Engine`."""
        with self._tracing.request() as span:
            answer = await super().answer(request, viewer, **options)
            ran = answer.operation
            if ran is not None and span.is_recording():
                span.update_name(ran.kind)  # a name of the client's has no end of values
                span.set_attribute("graphql.operation.type", ran.kind)
                if ran.name:
                    span.set_attribute("graphql.operation.name", ran.name)
                text = ran.document.text.encode()
                span.set_attribute("plait.document.sha256", sha256(text).hexdigest())
            if answer.codes:
                fail(span, answer.codes[0])
            return answer

    def outline(self, *asked: Any) -> tuple[Outline, Reader]:
        """As of `Engine`."""
        with self._tracing.step("plan"):
            return super().outline(*asked)

    async def plan(self, *asked: Any) -> Plan:
        """As of `Engine`."""
        with self._tracing.step("compile"):
            return await super().plan(*asked)


class TracedStore(DocumentStore):
    """A store of documents whose look-ups are traced, but for those that it knows at once."""

    def __init__(self, *given: Any, tracing: Tracing, **options: Any) -> None:
        super().__init__(*given, **options)
        self._tracing = tracing

    async def find(self, text: str, deadline: float) -> Document:
        """As of `DocumentStore`."""
        with self._tracing.step("document"):
            return await super().find(text, deadline)


class TracedGroups(Groups):
    """A queue of reads whose calls are traced."""

    def __init__(self, source: Any, *, tracing: Tracing, **options: Any) -> None:
        super().__init__(source, **options)
        self._name: str = source.name
        self._tracing = tracing

    async def single(
        self, prepared: Prepared, arguments: tuple[Any, ...], deadline: float
    ) -> Value:
        """As of `Groups`."""
        with self._tracing.call(self._name, _read(prepared)):
            return await super().single(prepared, arguments, deadline)

    async def by_key(
        self,
        prepared: Prepared,
        keys: Sequence[Key],
        arguments: tuple[Any, ...],
        deadline: float,
    ) -> list[Value]:
        """As of `Groups`."""
        told = {**_read(prepared), "plait.keys": len(keys)}
        with self._tracing.call(self._name, told):
            return await super().by_key(prepared, keys, arguments, deadline)

    def _admit(self, *call: Any) -> Member:
        """Remember the trace of the first who waits; the execution for all will belong to it."""
        member = super()._admit(*call)
        if member.pending.context is None:
            member.pending.context = copy_context()
        return member

    def _start(self, pending: Pending) -> None:
        if pending.context is None:
            super()._start(pending)
        else:
            pending.context.run(super()._start, pending)


def _read(prepared: Prepared) -> dict[str, str]:
    """What a fetch reads, by the conventions for databases: names of the schema, never a client's.

    https://opentelemetry.io/docs/specs/semconv/db/database-spans/
    """
    tables = tuple(dict.fromkeys(prepared.tables)) if isinstance(prepared, Bound) else ()
    names = tables or prepared.collections
    told = {"db.collection.name": names[0]} if len(names) == 1 and names[0] else {}
    if tables:
        told["db.query.summary"] = " ".join(("SELECT", *tables))[:_MOST_SUMMARY]
    return told
