"""uvicorn's WebSockets: quiet about addresses, fair to others, and gone when they are closed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGIReceiveEvent
    from websockets.frames import Frame

_LOG = logging.getLogger(__name__)
# Below warnings stand addresses with their query strings. A filter, as levels are set elsewhere.
_LOG.addFilter(lambda record: record.levelno >= logging.WARNING)

FAREWELL = 5.0
"""Seconds that a client gets to take the last bytes once nothing more is coming."""
PIECE = 512
"""Bytes that are parsed at a time: no more than 85 frames."""
MOST_FRAGMENTS = 1_000
"""Of one message, which may be as large as a body: clients that cut at all cut at kilobytes."""
MOST_PINGS = 100
"""Pings and pongs that one client may send in a second."""
_POLICY = 1008


class QuietWebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection.

    uvicorn parses all that it was sent before anybody else has a turn, answers any number of pings
    whether or not the answers are taken, and keeps any number of empty fragments. Here a turn ends
    with the piece that held the end of a frame, and who sends too many of these is sent away.

    It closes a connection politely and then waits for ever for a client that reads nothing; such a
    one is cut off.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = self.conn.logger = _LOG
        self._held = b""
        self._next: asyncio.Handle | None = None
        self._framed = False
        self._pings = 0
        self._since = 0.0

    def data_received(self, data: bytes) -> None:
        """Parse it, as far as this turn goes."""
        self._held += data
        if self._next is None:
            self._parse()

    async def receive(self) -> ASGIReceiveEvent:
        """The next message; whatever came behind it is parsed when it was taken."""
        message = await super().receive()
        if self._held and not self.read_paused:
            self._go_on()
        return message

    def handle_ping(self) -> None:
        """One more to be answered."""
        if self._may_ping():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Asked for or not."""
        if self._may_ping():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """A fragment."""
        self._framed = True
        if len(self.frames) < MOST_FRAGMENTS:
            super().handle_cont(event)
        else:
            self._refuse("Too many fragments")

    def send_receive_event_to_app(self) -> None:
        """A message is whole."""
        self._framed = True
        super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        """The client gave no sign of life, and may take no bytes either."""
        super().keepalive_timeout()
        self._cut_off()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done with it."""
        super().on_task_complete(task)
        self._cut_off()

    def _parse(self) -> None:
        self._next, self._framed = None, False
        held, at = self._held, 0
        while at < len(held) and not (self.read_paused or self._framed):
            if self.transport.is_closing():
                at = len(held)
                break
            super().data_received(held[at : at + PIECE])
            at += PIECE
        self._held = held[at:]
        if self._held:
            self._go_on()
        elif not self.read_paused:
            self.transport.resume_reading()

    def _go_on(self) -> None:
        """Parse the rest when the others had their turn, and nothing more is wanted till then."""
        self.transport.pause_reading()
        if self._next is None and not self.read_paused:
            self._next = self.loop.call_soon(self._parse)

    def _may_ping(self) -> bool:
        self._framed = True
        now = self.loop.time()
        if now - self._since >= 1:
            self._pings, self._since = 0, now
        self._pings += 1
        if self._pings <= MOST_PINGS:
            return True
        self._refuse("Too many pings")
        return False

    def _refuse(self, reason: str) -> None:
        if not (self.close_sent or self.transport.is_closing()):
            self.conn.fail(_POLICY, reason)
            self.handle_parser_exception()

    def _cut_off(self) -> None:
        if not self.disconnected:
            self.loop.call_later(FAREWELL, self.transport.abort)
