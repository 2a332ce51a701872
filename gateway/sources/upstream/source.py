"""A GraphQL service by its address: what is selected of it, in as few documents as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import PlaitError, SourceError
from gateway.schema.rules import HEADERS, VIEWER_SPEC
from gateway.sources.contract import Batch, Budget, Health, Pieces
from gateway.sources.http import HttpService, Outgoing
from gateway.sources.upstream import fields, objects
from gateway.sources.upstream.answers import Errors, envelope
from gateway.sources.upstream.prepared import (
    PreparedFields,
    PreparedObjects,
    aliased_document,
    prepare_fields,
    prepare_objects,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.remote import RemoteFields, RemoteObjects, UpstreamInfo
    from gateway.sources.contract import Value
    from gateway.sources.upstream.answers import Envelope

NEVER = frozenset(
    {"host", "cookie", "connection", "content-length", "content-type", "transfer-encoding"}
)
"""Headers that never go on: they are about the connection, or not for others to have."""

_HEADERS = {
    "content-type": "application/json",
    "accept": "application/graphql-response+json, application/json;q=0.9",
}
_PROBE = b'{"query":"{ __typename }"}'


class UpstreamSource:
    """One upstream. `concurrency` bounds the documents under way at once.

    `authorization` goes with every document, and of a request's own headers those in `forward`,
    which then are part of what a group shares. `trusted` lets the upstream's messages reach our
    clients; `max_bytes` bounds an answer.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        url: str,
        info: UpstreamInfo,
        *,
        authorization: str | None = None,
        forward: frozenset[str] = frozenset(),
        concurrency: int = 64,
        connect_timeout: float = 2.0,
        max_bytes: int = 16_000_000,
        trusted: bool = False,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self._info = info
        self._trusted = trusted
        self._forward = forward - NEVER
        self._viewer_slots = ((VIEWER_SPEC, HEADERS),) if self._forward else ()
        self._service = HttpService(
            name,
            url,
            headers=_HEADERS | ({"authorization": authorization} if authorization else {}),
            connections=concurrency,
            connect_seconds=connect_timeout,
            max_bytes=max_bytes,
        )

    def prepare_fields(self, ask: RemoteFields) -> PreparedFields:
        """Root fields that travel in one document. Pure."""
        return prepare_fields(self.name, self._info, ask, self._viewer_slots)

    def prepare_objects(self, ask: RemoteObjects) -> PreparedObjects:
        """Objects by key. Pure."""
        return prepare_objects(self.name, self._info, ask, self._viewer_slots)

    async def open(self) -> None:
        """Make the connections' pool."""
        await self._service.open()

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._service.close()

    async def check(self, budget: Budget) -> Health:
        """Ask for a type name."""
        try:
            answer = await self._post(_PROBE, {}, budget.deadline, repeatable=True)
        except SourceError as error:
            return Health(ready=False, detail=error.message)
        ready = answer.data is not None
        return Health(ready=ready, detail="answers" if ready else f"{self.name} reports an error")

    async def execute(
        self, prepared: PreparedFields | PreparedObjects, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        """The parts or objects that the batch's keys name.

        Its arguments are the variables' JSON and, where some go on, the request's headers.
        """
        variables, *passed = batch.arguments
        headers = {
            name: value for pairs in passed for name, value in pairs if name in self._forward
        }
        keys = batch.keys
        if isinstance(prepared, PreparedFields):
            body = fields.body(prepared, variables)
            answer = await self._post(body, headers, budget.deadline, repeatable=prepared.reads)
            values = fields.values(prepared, keys, answer, self._errors(answer))
        else:
            body = objects.body(prepared, keys, variables)
            answer = await self._post(body, headers, budget.deadline, repeatable=True)
            values = objects.values(self.name, prepared, keys, answer, self._errors(answer))
        return [_patched(prepared, value) for value in values]

    def describe(self, prepared: PreparedFields | PreparedObjects) -> Mapping[str, Any]:
        """The document, for `explain` and the golden plans."""
        if isinstance(prepared, PreparedObjects) and not prepared.document:
            return {"document": aliased_document(prepared, 1), "per": "key, in one document"}
        return {"document": prepared.document}

    async def _post(
        self, body: bytes, headers: Mapping[str, str], deadline: float, *, repeatable: bool
    ) -> Envelope:
        request = Outgoing("POST", body=body, headers=headers, repeatable=repeatable)
        return envelope(self.name, await self._service.send(request, deadline))

    def _errors(self, answer: Envelope) -> Errors:
        return Errors(self.name, answer.errors or (), trusted=self._trusted)


def _patched(prepared: PreparedFields | PreparedObjects, value: Value) -> Value:
    if isinstance(value, bytes):
        return prepared.patches.apply(value)
    if isinstance(value, Pieces):
        return Pieces(
            piece if isinstance(piece, PlaitError) else prepared.patches.apply_piece(piece)
            for piece in value
        )
    return value
