"""The gateway as `plait serve` runs it, with a probe of its event loop around the application.

The probe is the bench's own: it sleeps in the loop and looks how late it wakes. `POST /bench/lag`
answers with what it saw since it was asked last, in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from uvicorn import Server

from gateway.serving.listener import ListenerConfig, bind
from gateway.serving.run import application as gateway_application
from gateway.settings import load
from gateway.telemetry import configure_logging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/bench/lag"
TICK_SECONDS = 0.002
"""How long the probe sleeps: shorter would cost what is measured, longer would miss blocks."""


class Probe:
    """Watches the event loop it runs in.

    `late`: by how much a timer was overdue, whatever the reason: our own work, or a machine that
    gave the processor to others. `busy`: the processor time that this thread used meanwhile, which
    is the work alone.
    """

    def __init__(self, tick: float = TICK_SECONDS) -> None:
        """`tick`: how long it sleeps, in seconds. Longer blocks need no finer one."""
        self._tick = tick
        self._seen: list[tuple[float, float]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch for as long as the block lasts."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()

    def take(self) -> dict[str, float]:
        """What was seen since the last call, in milliseconds."""
        seen, self._seen = self._seen, []
        late = sorted(one for one, _ in seen) or [0.0]
        return {
            "longest_ms": late[-1] * 1000,
            "p99_ms": late[len(late) * 99 // 100] * 1000,
            "busiest_ms": max((used for _, used in seen), default=0.0) * 1000,
            "ticks": len(seen),
        }

    async def _watch(self) -> None:
        while True:
            began, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(self._tick)
            late = max(0.0, time.perf_counter() - began - self._tick)
            # What was used within the tick itself is no block: at most all of it was.
            self._seen.append((late, min(late, time.thread_time() - used)))


class Probed:
    """An ASGI application, and beside it what the probe saw."""

    def __init__(self, app: ASGIApp, probe: Probe) -> None:
        self._app = app
        self._probe = probe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `PATH`; all else goes to the application, beside whose life the probe runs."""
        if scope["type"] == "lifespan":
            async with self._probe.running():
                await self._app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == PATH:
            await _answer(send, self._probe.take())
        else:
            await self._app(scope, receive, send)


async def _answer(send: Send, content: Any) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def application() -> ASGIApp:
    """The gateway's own application, probed."""
    return Probed(gateway_application(), Probe())


if __name__ == "__main__":
    settings = load()
    configure_logging()
    config = ListenerConfig(
        "bench.vectors_server:application", settings.serve, settings.limits, factory=True
    )
    with bind(settings.serve.host, settings.serve.port) as listener:
        Server(config).run(sockets=[listener])
