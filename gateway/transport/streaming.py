"""What WebSockets and event streams have in common: limits, who is asking, what answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from starlette.types import Scope

    from gateway.execution.exchange import Answer, GraphQLRequest
    from gateway.transport.http import Identify, RawHeaders

    Live = Callable[[], Viewer | Awaitable[Viewer]]


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bounds of what stays open. Times in seconds.

    `connections`: WebSockets of this process; `per_client`: WebSockets and event streams of one
    client, and `operations_per_client` on them, 0 for any number; who is one is told by its address
    in `client_header` where a proxy puts it. `operations`: those of one WebSocket.

    `init_seconds`: until a WebSocket has said who it is.
    `ping_seconds`: between two signs of life on an event stream. `send_seconds`: for a client to
    take what it is sent. `recheck_seconds`: after which credentials are looked at anew, where no
    event made us do it. `origins`: sites whose pages may open a WebSocket, beside our
    own; `*` for any.
    """

    connections: int = 1_000
    per_client: int = 100
    operations_per_client: int = 1_000
    client_header: str = ""
    operations: int = 100
    init_seconds: float = 3.0
    ping_seconds: float = 12.0
    send_seconds: float = 20.0
    recheck_seconds: float = 30.0
    origins: frozenset[str] = frozenset()


class Streams(Protocol):
    """What answers operations event for event."""

    async def subscribes(self, request: GraphQLRequest) -> bool:
        """Whether a request asks for a subscription; not where it would be refused."""

    def stream(
        self, request: GraphQLRequest, live: Live, *, allow_mutations: bool = True
    ) -> AsyncGenerator[Answer, None]:
        """The answers to an operation: one to a query or a mutation, else one for each event.

        `live` tells who asks, for each of them. Of a refusal `executed` is false, or it is raised
        as `PlaitError`, as is what ends a stream later. Closing it ends the work it began.
        """


class Caller:
    """Who a long connection speaks for, as of now: asked anew for each event.

    `lines` are its credentials as header lines, of the connection `scope`; those in `forward` may
    go on to upstreams.
    """

    def __init__(
        self, identify: Identify, forward: frozenset[bytes], lines: RawHeaders, scope: Scope
    ) -> None:
        self._identify = identify
        self._forward = forward
        self._lines = lines
        self._scope = scope

    def __call__(self) -> Viewer | Awaitable[Viewer]:
        """The viewer. Raises `RequestError` where the credentials are no good any more."""
        viewer = self._identify(self._lines, self._scope)
        if isinstance(viewer, Viewer):
            return self._whole(viewer)
        return self._awaited(viewer)

    async def now(self) -> Viewer:
        """The same, awaited where that is needed."""
        viewer = self()
        return viewer if isinstance(viewer, Viewer) else await viewer

    async def _awaited(self, viewer: Awaitable[Viewer]) -> Viewer:
        return self._whole(await viewer)

    def _whole(self, viewer: Viewer) -> Viewer:
        return with_headers(viewer, self._lines, self._forward) if self._forward else viewer


def with_headers(viewer: Viewer, lines: RawHeaders, forward: frozenset[bytes]) -> Viewer:
    """The viewer with those of the headers that may go on to upstreams."""
    kept = tuple(
        sorted(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in lines
            if name in forward
        )
    )
    return replace(viewer, headers=kept) if kept else viewer


def is_foreign(headers: Mapping[bytes, bytes], origins: frozenset[str]) -> bool:
    """Whether a browser sends this for a page of a site that is neither ours nor in `origins`.

    Browsers let any page open a WebSocket to anywhere, and say whose page it is.
    """
    origin = headers.get(b"origin")
    if origin is None or "*" in origins:
        return False
    text = origin.decode("latin-1").lower()
    if text in origins:
        return False
    try:
        return urlsplit(text).netloc.encode() != headers.get(b"host", b"").lower()
    except ValueError:  # it is no address
        return True
