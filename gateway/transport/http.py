"""GraphQL over HTTP: an ASGI application of one endpoint, written to cost little per request."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

from gateway.errors import HTTP_STATUS, Code, PlaitError, RequestError
from gateway.execution.exchange import Answer, GraphQLRequest, refusal
from gateway.execution.failures import ours
from gateway.telemetry.counters import Traffic
from gateway.transport.body import Body, read_body
from gateway.transport.caching_headers import (
    NO_STORE,
    caching_headers,
    entity_tag,
    is_known,
    varying,
)
from gateway.transport.challenges import challenges
from gateway.transport.csrf import require_intent
from gateway.transport.event_streams import Followed
from gateway.transport.framing import SSE
from gateway.transport.limits import HttpLimits
from gateway.transport.multipart import UploadDesk, is_form, require_form
from gateway.transport.multipart_mixed import Mixed
from gateway.transport.negotiation import DEFAULT, negotiate
from gateway.transport.ratelimit import retry_after
from gateway.transport.request import decode_body, decode_query_string, is_json
from gateway.transport.streaming import Caller, with_headers
from gateway.transport.watch import ClientLeft, Overran, Stalled, Watch, Watchtower
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from gateway.transport.event_streams import EventStreams
    from gateway.transport.framing import Framing
    from gateway.transport.multipart_mixed import InParts
    from gateway.transport.negotiation import MediaType
    from gateway.transport.ratelimit import RateLimit

RawHeaders: TypeAlias = "Sequence[tuple[bytes, bytes]]"
"""Header lines as they came, names in lower case."""

Identify: TypeAlias = "Callable[[RawHeaders, Scope], Viewer | Awaitable[Viewer]]"
"""Tells who sends a request, by its credentials and what they came in.

To be awaited only where somebody must be asked first.
Raises `RequestError` for credentials that are no good, at once or when awaited.
"""

_CLOSE = (b"connection", b"close")


class Engine(Protocol):
    """What answers GraphQL requests."""

    async def answer(
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        *,
        allow_mutations: bool,
        deadline: float,
    ) -> Answer:
        """Answer one request by `deadline` (event loop's clock, seconds).

        A request of which nothing runs is answered with `executed=False`, or by raising a
        `PlaitError`; a mutation without `allow_mutations` with the code METHOD_NOT_ALLOWED.
        Cancelling the call cancels the work it began.
        """


def anonymous(_headers: RawHeaders, _scope: Scope) -> Viewer:
    """Everybody is nobody in particular."""
    return ANONYMOUS


class GraphQLOverHTTP:
    """Answers GET (queries only) and POST as the GraphQL-over-HTTP specification says."""

    def __init__(  # noqa: PLR0913 - one parameter each
        self,
        engine: Engine,
        *,
        identify: Identify = anonymous,
        forward: frozenset[str] = frozenset(),
        credentials: Sequence[str] = (),
        keepable: bool = True,
        events: EventStreams | None = None,
        incremental: InParts | None = None,
        limits: HttpLimits | None = None,
        rate: RateLimit | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        """`credentials` are the headers by which clients say who they are.

        `keepable`: whether caches in front of us are told how long they may keep an answer.
        """
        self._engine = engine
        self._identify = identify
        self._keepable = keepable
        self._events = events
        self._incremental = incremental
        self._vary = varying(("Accept", *credentials, *sorted(forward)))
        self._forward = frozenset(name.encode() for name in forward)
        self._limits = limits or HttpLimits()
        self._tower = Watchtower()
        self._desk = UploadDesk(self._limits)
        self._rate = rate
        self._traffic = traffic or Traffic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; when its client leaves, stop and say nothing."""
        headers = dict(scope["headers"])
        receive = coming = Body(receive)
        get = scope["method"] == "GET"
        media, mixed = DEFAULT, None
        extra: list[tuple[bytes, bytes]] = NO_STORE.copy() if get else []
        try:
            media = negotiate(headers.get(b"accept"))
            if media.parts is not None and self._incremental is not None:
                mixed = Mixed(self._incremental, media.parts, send, self._vary)
            answer = await self._exchange(scope, headers, receive, mixed, media.live)
            if not isinstance(answer, Answer):
                await answer(scope, receive, send)
                return
            if mixed is not None and mixed.begun:
                await mixed.close(self._limits.grace_seconds)
                return
            status = 200 if answer.executed else media.status(answer.code)
            body = answer.body
            if get and answer.freshness is not None and self._keepable:
                tag = entity_tag(body, media.content_type)
                extra = caching_headers(answer.freshness, tag, self._vary)
                if is_known(headers.get(b"if-none-match"), tag):
                    await _send_known(send, extra)
                    return
            if answer.code is Code.METHOD_NOT_ALLOWED:
                extra.append((b"allow", b"POST"))
            elif answer.code is not None:
                extra += challenges(answer.code, headers)
        except ClientLeft:
            return
        except RequestError as error:
            self._traffic.refused[error.code] += 1
            status, body = HTTP_STATUS[error.code], refusal(error).body
            unread = coming.is_coming(headers)
            extra += _refusal_headers(error, headers, unread=unread)
            send = coming.hearing_out(send, self._limits.body_seconds) if unread else send
        await _send(send, status, media, body, extra)

    async def _exchange(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        mixed: Mixed | None,
        live: Framing | None,
    ) -> Answer | ASGIApp:
        """Read the request and answer it, watching the time and the client.

        What is answered event for event is left to what is returned.

        Raises `RequestError` for a request that is not one, and `ClientLeft`.
        """
        limits = self._limits
        clock = asyncio.get_running_loop().time
        try:
            with Watch(self._tower, receive, clock() + limits.body_seconds) as watch:
                if limits.max_upload_bytes and live is not SSE and self._is_upload(scope, headers):
                    return await self._upload(scope, headers, receive, watch)
                received = await self._receive(scope, headers, receive)
                deadline = clock() + limits.answer_seconds
                watch.body_is_read(until=deadline + limits.grace_seconds)
                return await self._answer(scope, received, deadline, mixed, live)
        except Stalled:
            upload = self._is_upload(scope, headers)
            seconds = limits.upload_seconds if upload else limits.body_seconds
            raise RequestError(
                f"The body did not arrive within {seconds:g} seconds.", code=Code.REQUEST_TIMEOUT
            ) from None
        except Overran:
            return refusal(PlaitError("The deadline passed.", code=Code.SOURCE_TIMEOUT))

    def _is_upload(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the body is a form, where those are accepted."""
        content_type = headers.get(b"content-type", b"")
        if is_json(content_type) or not self._limits.max_upload_bytes:
            return False
        return scope["method"] == "POST" and is_form(content_type)

    async def _upload(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, watch: Watch
    ) -> Answer | ASGIApp:
        """Read a form and answer it; its files are gone afterwards."""
        limits = self._limits
        clock = asyncio.get_running_loop().time
        _require_plain(headers)
        require_form(headers, limits)
        with self._desk.place():
            watch.allow(until=clock() + limits.upload_seconds)
            with await self._desk.read(receive, headers) as form:
                deadline = clock() + limits.upload_seconds
                watch.body_is_read(until=deadline + limits.grace_seconds)
                return await self._answer(scope, form.requests, deadline)

    async def _answer(
        self,
        scope: Scope,
        received: GraphQLRequest | list[GraphQLRequest],
        deadline: float,
        mixed: Mixed | None = None,
        live: Framing | None = None,
    ) -> Answer | ASGIApp:
        """Tell who asks, and answer."""
        viewer = self._identify(scope["headers"], scope)
        if not isinstance(viewer, Viewer):
            viewer = await viewer
        if self._forward:
            viewer = with_headers(viewer, scope["headers"], self._forward)
        if self._rate is not None:
            await self._rate.require(
                viewer, scope, len(received) if isinstance(received, list) else 1
            )
        if live is not None:
            follows = await self._follows(received, live, viewer, scope)
            if follows is not None:
                return follows
        allow_mutations = scope["method"] == "POST"
        if isinstance(received, GraphQLRequest):
            if mixed is not None:
                return await mixed.answer(
                    received, viewer, allow_mutations=allow_mutations, deadline=deadline
                )
            return await self._ask(received, viewer, allow_mutations, deadline)
        answers = await asyncio.gather(
            *(self._ask(each, viewer, allow_mutations, deadline) for each in received)
        )
        return Answer(b"[" + b",".join(answer.body for answer in answers) + b"]")

    async def _follows(
        self,
        received: GraphQLRequest | list[GraphQLRequest],
        live: Framing,
        viewer: Viewer,
        scope: Scope,
    ) -> ASGIApp | None:
        """What answers the request event for event; None where one answer does."""
        if live is SSE and self._events is None:
            raise RequestError("There are no event streams here.", code=Code.NOT_ACCEPTABLE)
        if live is SSE and isinstance(received, list):
            raise RequestError("An event stream answers one request; send them singly.")
        if self._events is None or isinstance(received, list):
            return None
        caller = Caller(self._identify, self._forward, scope["headers"], scope)
        followed = Followed(received, live, viewer, caller)
        return partial(self._events.serve, followed) if await self._events.takes(followed) else None

    async def _receive(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> GraphQLRequest | list[GraphQLRequest]:
        limits = self._limits
        method = scope["method"]
        if method == "POST":
            _require_plain(headers)
            _require_json(headers)
            return decode_body(await read_body(receive, headers, limits.max_body_bytes), limits)
        if method == "GET":
            require_intent(headers)
            return decode_query_string(scope["query_string"], limits)
        raise RequestError("Use GET or POST.", code=Code.METHOD_NOT_ALLOWED)

    async def _ask(
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        allow_mutations: bool,  # noqa: FBT001 - passed on by name
        deadline: float,
    ) -> Answer:
        try:
            return await self._engine.answer(
                request, viewer, allow_mutations=allow_mutations, deadline=deadline
            )
        except Exception as error:  # noqa: BLE001 - the last place where one can be masked
            return refusal(ours(error))


def _require_plain(headers: Mapping[bytes, bytes]) -> None:
    coded = headers.get(b"content-encoding", b"identity").lower() != b"identity"
    if coded or headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        raise RequestError("The body must not be compressed.", code=Code.UNSUPPORTED_MEDIA_TYPE)


def _require_json(headers: Mapping[bytes, bytes]) -> None:
    if not is_json(headers.get(b"content-type", b"")):
        raise RequestError(
            "The Content-Type must be application/json, in UTF-8.",
            code=Code.UNSUPPORTED_MEDIA_TYPE,
        )


def _refusal_headers(
    error: RequestError, headers: Mapping[bytes, bytes], *, unread: bool
) -> list[tuple[bytes, bytes]]:
    extra = [*challenges(error.code, headers, error), *retry_after(error)]
    if error.code is Code.METHOD_NOT_ALLOWED:
        extra.append((b"allow", b"GET, POST"))
    if unread:
        extra.append(_CLOSE)  # or the server would go on reading what nobody wants
    return extra


async def _send_known(send: Send, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """304: what the client has is what it would get."""
    await send({"type": "http.response.start", "status": 304, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b""})


async def _send(
    send: Send,
    status: int,
    media: MediaType,
    body: bytes,
    extra: Sequence[tuple[bytes, bytes]],
) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", media.content_type),
                (b"content-length", b"%d" % len(body)),
                *extra,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
