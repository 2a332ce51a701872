"""What answers operations, as a test says: for the transports alone."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from subscriptions.speaking import served

from gateway.errors import CredentialsError, PlaitError, RequestError
from gateway.execution.exchange import Answer
from gateway.telemetry.counters import Traffic
from gateway.transport.event_streams import DRAINING, EventStreams
from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.shares import Shares
from gateway.transport.site import build_site
from gateway.transport.streaming import StreamLimits
from gateway.transport.websocket import GraphQLOverWebSocket
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from subscriptions.speaking import Served

    from gateway.execution.exchange import GraphQLRequest

GOOD = "good"


class Script:
    """Answers by the document: a number of answers, a flood, an error, or silence."""

    def __init__(self) -> None:
        self.running = 0
        self.sent = 0
        self.valid = True
        self.wake = asyncio.Event()
        self.traffic = Traffic()

    def identify(self, lines: Any, _scope: Any) -> Viewer:
        """Whoever says `authorization: good`, for as long as that is valid."""
        said = dict(lines).get(b"authorization", b"").decode()
        if said not in {"", GOOD} or not self.valid:
            raise CredentialsError("The token has expired; get a new one.", reason="expired")
        return Viewer(said or None)

    async def subscribes(self, request: GraphQLRequest) -> bool:
        return request.document not in {"query", "no document"}

    async def stream(
        self, request: GraphQLRequest, live: Any, **_options: Any
    ) -> AsyncGenerator[Answer, None]:
        word, _, rest = request.document.partition(" ")
        self.running += 1
        try:
            async for body in getattr(self, f"_{word}")(rest, live):
                yield Answer(body)
        finally:
            self.running -= 1

    async def _refuse(self, _rest: str, _live: Any) -> AsyncGenerator[bytes, None]:
        raise RequestError("No.")
        yield b""

    async def _break(self, rest: str, _live: Any) -> AsyncGenerator[bytes, None]:
        yield b'{"data":1}'
        raise PlaitError("Broken.") if rest else RuntimeError("a secret")

    async def _who(self, _rest: str, live: Any) -> AsyncGenerator[bytes, None]:
        yield f'{{"data":"{live().subject}"}}'.encode()

    async def _count(self, rest: str, _live: Any) -> AsyncGenerator[bytes, None]:
        for number in range(int(rest)):
            yield f'{{"data":{number}}}'.encode()

    async def _flood(self, _rest: str, _live: Any) -> AsyncGenerator[bytes, None]:
        while True:
            self.sent += 1
            yield b'{"data":"' + b"x" * 60_000 + b'"}'
            await asyncio.sleep(0)

    async def _each(self, _rest: str, live: Any) -> AsyncGenerator[bytes, None]:
        while True:
            await self.wake.wait()
            self.wake.clear()
            yield f'{{"data":"{live().subject}"}}'.encode()

    async def _wait(self, _rest: str, _live: Any) -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""


async def _no_sources(_budget: Any) -> dict[str, Any]:
    return {}


@asynccontextmanager
async def speaking(
    script: Script,
    *,
    max_body_bytes: int = 1 << 20,
    drain: int = 0,
    pings: float = 12.0,
    **limits: Any,
) -> AsyncIterator[Served]:
    """A server that speaks both protocols for the script."""
    bounds = StreamLimits(**limits)
    shares = Shares(bounds)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[dict[str, Any]]:
        yield {DRAINING: asyncio.Event()}

    site = build_site(
        graphql=GraphQLOverHTTP(
            script,  # type: ignore[arg-type]  # nobody asks it a query here
            identify=script.identify,
            events=EventStreams(script, bounds, script.traffic, shares),
            traffic=script.traffic,
        ),
        socket=GraphQLOverWebSocket(
            script,
            identify=script.identify,
            limits=bounds,
            traffic=script.traffic,
            shares=shares,
        ),
        readiness=_no_sources,
        lifespan=lifespan,
    )
    options = {"ws_ping_interval": pings, "ws_ping_timeout": pings}
    async with served(site, max_body_bytes=max_body_bytes, drain=drain, **options) as server:
        yield server
