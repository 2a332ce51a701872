"""Requests under way, which whoever sent them may cancel by a notification.

https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from mcp.server.streamable_http import REQUEST_CANCELLED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.transport.watch import Watch

Sender: TypeAlias = tuple[bytes | None, str | None, str | None]
"""A session's id, and the subject and tenant of who asks: clients count their requests from 1."""

CANCELLED = {"code": REQUEST_CANCELLED, "message": "Request cancelled"}
"""What a request that was cancelled is answered with, as HTTP wants an answer."""


class Cancelled(Exception):  # noqa: N818 - a condition to act on, not a failure
    """The client wants no answer any more."""


class UnderWay:
    """The requests of this process that belong to a session."""

    def __init__(self) -> None:
        self._watches: dict[tuple[Sender, str | int], Watch] = {}

    @contextmanager
    def noted(self, sender: Sender, message: Any, watch: Watch) -> Iterator[None]:
        """A request can be cancelled within the block; a cancellation ends what it names."""
        match message:
            case {
                "method": "notifications/cancelled",
                "params": {"requestId": str() | int() as named},
            }:
                if (found := self._watches.get((sender, named))) is not None:
                    found.stop(Cancelled)
            case {"id": str() | int() as named} if sender[0]:
                self._watches[sender, named] = watch
                try:
                    yield
                finally:
                    if self._watches.get((sender, named)) is watch:
                        del self._watches[sender, named]
                return
        yield
