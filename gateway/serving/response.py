"""An answer that is ready leaves in one piece: head and body in a single write.

uvicorn writes the head when it is told of it and the body after that: two system calls and, on
some networks, two packets. ASGI lets a server keep the head until the body begins.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

from gateway.errors import Code, RequestError
from gateway.execution.exchange import error_body

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


_ENDING = error_body([RequestError("The gateway is stopping.", code=Code.SOURCE_UNAVAILABLE)])


class WholeResponse:
    """An ASGI application around `app` for the one request of `cycle`."""

    __slots__ = ("_app", "_cycle", "_start")

    def __init__(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._cycle = cycle
        self._app = app
        self._start: Any = None

    async def __call__(self, scope: Any, receive: Any, _send: Any) -> None:
        """Answer the request; a head that no body followed is sent at the end.

        The server cancels what is under way where its time to shut down is over: that is answered
        503, or breaks off.
        """
        try:
            await self._app(scope, receive, self._send)
        except asyncio.CancelledError:
            await self._break_off()
            return
        if self._start is not None:
            await self._cycle.send(self._start)

    async def _break_off(self) -> None:
        cycle = self._cycle
        if cycle.response_started:
            cycle.transport.close()
            return
        length = (b"content-length", b"%d" % len(_ENDING))
        headers = [(b"content-type", b"application/json"), length, (b"connection", b"close")]
        await cycle.send({"type": "http.response.start", "status": 503, "headers": headers})
        await cycle.send({"type": "http.response.body", "body": _ENDING})

    async def _send(self, message: Any) -> None:
        """Keep the head; send it with what follows."""
        cycle = self._cycle
        if message["type"] == "http.response.start" and self._start is None:
            self._start = message
            return
        start, self._start = self._start, None
        if start is None:
            await cycle.send(message)
            return
        body = message.get("body", b"")
        if _is_plain(cycle) and not message.get("more_body", False):
            head = _head(start["status"], tuple(start.get("headers", ())))
            if head is not None and head[1] == len(body):
                _finish(cycle, head[0] + body)
                return
        await cycle.send(start)
        await cycle.send(message)


def _is_plain(cycle: RequestResponseCycle) -> bool:
    """Whether nothing about the connection asks for uvicorn's own care."""
    return not (
        cycle.disconnected
        or cycle.access_log
        or cycle.default_headers
        or cycle.response_started
        or cycle.flow.write_paused
        or not cycle.keep_alive
        or cycle.scope["method"] == "HEAD"
    )


def _finish(cycle: RequestResponseCycle, response: bytes) -> None:
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(response)
    cycle.message_event.set()
    cycle.on_response()


@lru_cache(maxsize=1024)
def _head(status: int, headers: Headers) -> tuple[bytes, int] | None:
    """The head as bytes, and the length of the body it announces; None for an unusual one."""
    length = None
    lines = [STATUS_LINE[status]]
    for given, value in headers:
        name = given.lower()
        if name in _UNUSUAL or HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
            return None
        if name == b"content-length":
            length = int(value)
        lines += [name, b": ", value, b"\r\n"]
    return None if length is None else (b"".join([*lines, b"\r\n"]), length)


_UNUSUAL = frozenset({b"connection", b"transfer-encoding"})
