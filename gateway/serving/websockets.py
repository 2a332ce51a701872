"""uvicorn's WebSockets: quiet about addresses, and gone when they are closed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio

_LOG = logging.getLogger(__name__)
# Below warnings stand addresses with their query strings. A filter, as levels are set elsewhere.
_LOG.addFilter(lambda record: record.levelno >= logging.WARNING)

FAREWELL = 5.0
"""Seconds that a client gets to take the last bytes once nothing more is coming."""


class QuietWebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection.

    uvicorn closes it politely and then waits for ever for a client that reads nothing; such a one
    is cut off.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = self.conn.logger = _LOG

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done with it."""
        super().on_task_complete(task)
        if not self.disconnected:
            self.loop.call_later(FAREWELL, self.transport.abort)
