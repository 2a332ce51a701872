"""GraphQL over HTTP: an ASGI application of one endpoint, written to cost little per request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from gateway.errors import HTTP_STATUS, Code, PlaitError, RequestError
from gateway.execution.exchange import Answer, GraphQLRequest, refusal
from gateway.telemetry import log_internal
from gateway.transport.body import read_body
from gateway.transport.csrf import require_intent
from gateway.transport.limits import HttpLimits
from gateway.transport.negotiation import DEFAULT, negotiate
from gateway.transport.request import decode_body, decode_query_string, is_json
from gateway.transport.watch import ClientLeft, Overran, Stalled, Watch, Watchtower
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from gateway.transport.negotiation import MediaType

RawHeaders: TypeAlias = "Sequence[tuple[bytes, bytes]]"
"""Header lines as they came, names in lower case."""

Identify: TypeAlias = "Callable[[RawHeaders], Viewer | Awaitable[Viewer]]"
"""Tells who sends a request; to be awaited only where somebody must be asked first.

Raises `RequestError` for credentials that are no good, at once or when awaited.
"""

_NO_STORE = (b"cache-control", b"no-store")
_CLOSE = (b"connection", b"close")
_CHALLENGE = (b"www-authenticate", b'Bearer realm="graphql"')
_BEFORE_BODY = frozenset(
    {
        Code.NOT_ACCEPTABLE,
        Code.UNSUPPORTED_MEDIA_TYPE,
        Code.METHOD_NOT_ALLOWED,
        Code.PAYLOAD_TOO_LARGE,
        Code.REQUEST_TIMEOUT,
    }
)


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


def anonymous(_headers: RawHeaders) -> Viewer:
    """Everybody is nobody in particular."""
    return ANONYMOUS


class GraphQLOverHTTP:
    """Answers GET (queries only) and POST as the GraphQL-over-HTTP specification says."""

    def __init__(
        self,
        engine: Engine,
        *,
        identify: Identify = anonymous,
        forward: frozenset[str] = frozenset(),
        limits: HttpLimits | None = None,
    ) -> None:
        self._engine = engine
        self._identify = identify
        self._forward = frozenset(name.encode() for name in forward)
        self._limits = limits or HttpLimits()
        self._tower = Watchtower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; when its client leaves, stop and say nothing."""
        headers = dict(scope["headers"])
        get = scope["method"] == "GET"
        media = DEFAULT
        extra: list[tuple[bytes, bytes]] = [_NO_STORE] if get else []
        try:
            media = negotiate(headers.get(b"accept"))
            answer = await self._exchange(scope, headers, receive)
            status = 200 if answer.executed else media.status(answer.code)
            body = answer.body
            if answer.code is Code.METHOD_NOT_ALLOWED:
                extra.append((b"allow", b"POST"))
            elif answer.code is Code.UNAUTHENTICATED:
                extra.append(_CHALLENGE)
        except ClientLeft:
            return
        except RequestError as error:
            status, body = HTTP_STATUS[error.code], refusal(error).body
            extra += _refusal_headers(error.code, headers)
        await _send(send, status, media, body, extra)

    async def _exchange(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Answer:
        """Read the request and answer it, watching the time and the client.

        Raises `RequestError` for a request that is not one, and `ClientLeft`.
        """
        limits = self._limits
        clock = asyncio.get_running_loop().time
        try:
            with Watch(self._tower, receive, clock() + limits.body_seconds) as watch:
                received = await self._receive(scope, headers, receive)
                deadline = clock() + limits.answer_seconds
                watch.body_is_read(until=deadline + limits.grace_seconds)
                viewer = self._identify(scope["headers"])
                if not isinstance(viewer, Viewer):
                    viewer = await viewer
                if self._forward:
                    viewer = self._with_headers(viewer, scope["headers"])
                allow_mutations = scope["method"] == "POST"
                if isinstance(received, GraphQLRequest):
                    return await self._ask(received, viewer, allow_mutations, deadline)
                answers = await asyncio.gather(
                    *(self._ask(each, viewer, allow_mutations, deadline) for each in received)
                )
                return Answer(b"[" + b",".join(answer.body for answer in answers) + b"]")
        except Stalled:
            raise RequestError(
                f"The body did not arrive within {limits.body_seconds:g} seconds.",
                code=Code.REQUEST_TIMEOUT,
            ) from None
        except Overran:
            return refusal(PlaitError("The deadline passed.", code=Code.SOURCE_TIMEOUT))

    def _with_headers(self, viewer: Viewer, lines: RawHeaders) -> Viewer:
        """The viewer with those of the request's headers that may go on to upstreams."""
        kept = tuple(
            sorted(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in lines
                if name in self._forward
            )
        )
        return replace(viewer, headers=kept) if kept else viewer

    async def _receive(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> GraphQLRequest | list[GraphQLRequest]:
        limits = self._limits
        method = scope["method"]
        if method == "POST":
            _require_plain_json(headers)
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
        except PlaitError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 - the last place where one can be masked
            masked = PlaitError("Internal error.", extensions={"errorId": log_internal(error)})
            return refusal(masked)


def _require_plain_json(headers: Mapping[bytes, bytes]) -> None:
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise RequestError("The body must not be compressed.", code=Code.UNSUPPORTED_MEDIA_TYPE)
    if not is_json(headers.get(b"content-type", b"")):
        raise RequestError(
            "The Content-Type must be application/json, in UTF-8.",
            code=Code.UNSUPPORTED_MEDIA_TYPE,
        )


def _refusal_headers(code: Code, headers: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    extra = [(b"allow", b"GET, POST")] if code is Code.METHOD_NOT_ALLOWED else []
    if code is Code.UNAUTHENTICATED:
        extra.append(_CHALLENGE)
    has_body = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
    if code in _BEFORE_BODY and has_body:
        extra.append(_CLOSE)  # or the server would go on reading what nobody wants
    return extra


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
