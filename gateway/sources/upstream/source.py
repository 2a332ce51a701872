"""A GraphQL service by its address: what is selected of it, in as few documents as can be."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from gateway.errors import PlaitError, SourceError
from gateway.schema.access.rules import HEADERS, VIEWER_SPEC
from gateway.schema.upstreams.remote import RemoteFields
from gateway.sources.contract import Batch, Budget, Health, Pieces
from gateway.sources.http import HttpService, Outgoing, unlocated
from gateway.sources.streams import Streams
from gateway.sources.upstream import objects
from gateway.sources.upstream.answers import Errors, envelope, part_value
from gateway.sources.upstream.error_log import ErrorLog
from gateway.sources.upstream.prepared import (
    PreparedFields,
    PreparedObjects,
    aliased_document,
    prepare_fields,
    prepare_objects,
)
from gateway.sources.upstream.refusals import Refusals
from gateway.sources.upstream.subscriptions import Topic, UpstreamSubscriptions
from gateway.telemetry.propagation import TRACE_HEADERS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from gateway.schema.upstreams.remote import RemoteObjects, UpstreamInfo
    from gateway.sources.contract import Key, Value
    from gateway.sources.upstream.answers import Envelope

NEVER = frozenset(
    {"host", "cookie", "connection", "content-length", "content-type", "transfer-encoding"}
)
"""Headers that never go on: they are about the connection, or not for others to have."""

_HEADERS = {
    "content-type": "application/json",
    "accept": "application/graphql-response+json, application/json;q=0.9",
}
_ONE = ((0,),)
_WHO_ASKS = frozenset({401, 403})
_PROBE = Outgoing("POST", body=b'{"query":"{ __typename }"}', repeatable=True)


class UpstreamSource:
    """One upstream. `concurrency` bounds the documents under way at once.

    Without a `url` no setting says where it is, and what is asked of it fails.

    `authorization` goes with every document, and of a request's own headers those in `forward`,
    which then are part of what a group shares. Where there is no `authorization`, they tell it who
    asks, and its refusals are the client's affair. `trusted` lets the upstream's messages reach our
    clients, `log_errors` the log; `max_bytes` bounds an answer. `subscriptions` says how it sends
    events, and where.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        url: str | None,
        info: UpstreamInfo,
        *,
        authorization: str | None = None,
        forward: frozenset[str] = frozenset(),
        concurrency: int = 64,
        connect_timeout: float = 2.0,
        max_bytes: int = 16_000_000,
        trusted: bool = False,
        log_errors: bool = False,
        subscriptions: Literal["websocket", "sse", "multipart"] = "websocket",
        subscriptions_url: str | None = None,
        required: bool = True,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self._located = url is not None
        self._required = required and self._located
        self._signs_in = bool(authorization) or "@" in urlsplit(url or "").netloc
        self._info = info
        self._log = ErrorLog(name) if log_errors else None
        self._forward = forward - NEVER
        callers = not (self._signs_in or self._forward <= TRACE_HEADERS)
        self._refusals = Refusals(name, callers=callers, trusted=trusted)
        self._viewer_slots = ((VIEWER_SPEC, HEADERS),) if self._forward else ()
        credentials = {"authorization": authorization} if authorization else {}
        streams = Streams(
            name, headers=credentials, connect_seconds=connect_timeout, max_bytes=max_bytes
        )
        self._subscriptions = UpstreamSubscriptions(
            streams,
            subscriptions_url or url or "",
            way=subscriptions,
            init_seconds=connect_timeout,
            credentials=credentials,
            refusals=self._refusals,
            log=self._log,
        )
        self._service = HttpService(
            name,
            url,
            headers=_HEADERS | credentials,
            connections=concurrency,
            connect_seconds=connect_timeout,
            max_bytes=max_bytes,
            sign=_PROBE,
        )
        self.place = self._service.place

    def prepare(self, ask: RemoteFields | RemoteObjects) -> PreparedFields | PreparedObjects:
        """Root fields that travel in one document, or objects by key. Pure."""
        if isinstance(ask, RemoteFields):
            return prepare_fields(self.name, self._info, ask, self._viewer_slots)
        return prepare_objects(self.name, self._info, ask, self._viewer_slots)

    async def open(self) -> None:
        """Make the connections' pool."""
        await self._service.open()

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._subscriptions.close()
        await self._service.close()

    def figures(self) -> Mapping[str, float]:
        """As of `HttpService`, and a gauge: event streams."""
        return {**self._service.figures(), "streams": len(self._subscriptions)}

    async def check(self, budget: Budget) -> Health:
        """Ask for a type name. Where callers' credentials go on, it may well ask for some."""
        try:
            reply = await self._service.send(_PROBE, budget.deadline)
            if reply.status in _WHO_ASKS and not self._signs_in:
                return Health(ready=True, detail="asks for credentials", required=self._required)
            ready = envelope(self._refusals, reply).data is not None
        except SourceError as error:
            return Health(ready=False, detail=error.message, required=self._required)
        detail = "answers" if ready else f"{self.name} reports an error"
        return Health(ready=ready, detail=detail, required=self._required)

    async def execute(
        self, prepared: PreparedFields | PreparedObjects, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        """The parts or objects that the batch's keys name.

        Its arguments are the variables' JSON and, where some go on, the request's headers.
        """
        keys = batch.keys
        body, headers = self.request(prepared, keys, batch.arguments)
        repeatable = not isinstance(prepared, PreparedFields) or prepared.reads
        request = Outgoing("POST", body=body, headers=headers, repeatable=repeatable)
        reply = await self._service.send(request, budget.deadline)
        return self.values(prepared, keys, envelope(self._refusals, reply))

    async def events(
        self, prepared: PreparedFields, arguments: tuple[Any, ...]
    ) -> AsyncGenerator[Value, None]:
        """A subscription's one root field, event for event. Raises SourceError."""
        if not self._located:
            raise unlocated(self.name)
        body, headers = self.request(prepared, _ONE, arguments)
        # A stream that many share belongs to no one's trace.
        shared = {name: value for name, value in headers.items() if name not in TRACE_HEADERS}
        topic = Topic(prepared.document, arguments[0], tuple(sorted(shared.items())), body)
        async with aclosing(self._subscriptions.events(topic)) as answers:
            async for answer in answers:
                (value,) = self.values(prepared, _ONE, answer)
                yield value

    def request(
        self,
        prepared: PreparedFields | PreparedObjects,
        keys: Sequence[Key],
        arguments: tuple[Any, ...],
    ) -> tuple[bytes, Mapping[str, str]]:
        """The JSON of a request and the headers that go with it; of a subscription too."""
        variables, *passed = arguments
        headers = {
            name: value for pairs in passed for name, value in pairs if name in self._forward
        }
        if isinstance(prepared, PreparedFields):
            return prepared.opening + variables + b"}", headers
        return objects.body(prepared, keys, variables), headers

    def values(
        self, prepared: PreparedFields | PreparedObjects, keys: Sequence[Key], answer: Envelope
    ) -> list[Value]:
        """What an answer, or an event of a subscription, gives for the keys."""
        if isinstance(prepared, PreparedFields):
            errors = Errors(self._refusals, answer, log=self._log)
            values = [part_value(prepared.parts[number], answer, errors) for (number,) in keys]
        else:
            own = objects.own_steps(prepared)
            errors = Errors(self._refusals, answer, own=own, log=self._log)
            values = objects.values(self.name, prepared, keys, answer, errors)
        return [_patched(prepared, value) for value in values]

    def describe(self, prepared: PreparedFields | PreparedObjects) -> Mapping[str, Any]:
        """The document, for `explain` and the golden plans."""
        if isinstance(prepared, PreparedObjects) and not prepared.document:
            return {"document": aliased_document(prepared, 1), "per": "key, in one document"}
        return {"document": prepared.document}


def _patched(prepared: PreparedFields | PreparedObjects, value: Value) -> Value:
    if isinstance(value, bytes):
        return prepared.patches.apply(value)
    if isinstance(value, Pieces):
        return Pieces(
            piece if isinstance(piece, PlaitError) else prepared.patches.apply_piece(piece)
            for piece in value
        )
    return value
