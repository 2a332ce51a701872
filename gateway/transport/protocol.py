"""uvicorn's HTTP protocol with the bounds it lacks: on the time and size of a request's head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

_PUNCTUATION = len(b": \r\n")

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\n"
    b"connection: close\r\n\r\n"
)


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose request head is not complete in time; refuses one too large (431).

    `header_seconds` count from the connection, or from the first byte after the last response.
    Bodies are not its business.
    """

    header_seconds: ClassVar[float]
    max_header_bytes: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaiting_head = True
        self._head_timer: asyncio.TimerHandle | None = None
        self._received = 0  # at least the bytes of the open head, so far
        self._too_large = False

    def connection_made(  # type: ignore[override]  # narrowed by uvicorn
        self, transport: asyncio.Transport
    ) -> None:
        """Give the first head its time."""
        super().connection_made(transport)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._unwatch_head()
        super().connection_lost(exc)

    # The next three are called for every request: super() would cost more than what they do.

    def data_received(self, data: bytes) -> None:
        """Parse, then see whether a head is still open, in time and within its size."""
        cycle = self.cycle
        # uvicorn's annotation leaves out that there is none before the first request
        if cycle is None or cycle.response_complete:  # type: ignore[redundant-expr]
            self._awaiting_head = True
        if self._awaiting_head:
            self._received += len(data)
        HttpToolsProtocol.data_received(self, data)
        if self._awaiting_head and not self.transport.is_closing():
            if self._received > self.max_header_bytes:
                self._refuse_head()
            else:
                self._watch_head()

    def on_message_begin(self) -> None:
        """A head began: `data_received` gives it its time if it does not end in the same data."""
        self._awaiting_head = True
        HttpToolsProtocol.on_message_begin(self)

    def on_headers_complete(self) -> None:
        """The head is whole: measure it if it may be too large, and stop its clock."""
        if self._received > self.max_header_bytes and self._head_size() > self.max_header_bytes:
            self._too_large = True
            raise ValueError("the head of the request is too large")  # ends the parsing
        self._awaiting_head = False
        self._received = 0
        if self._head_timer is not None:
            self._unwatch_head()
        HttpToolsProtocol.on_headers_complete(self)

    def send_400_response(self, msg: str) -> None:
        """Say 431 where that is what is wrong."""
        if self._too_large:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, by force if its client does not read."""
        if self.transport.get_write_buffer_size():  # a client that does not read its response
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def _head_size(self) -> int:
        lines = sum(len(name) + len(value) + _PUNCTUATION for name, value in self.headers)
        return len(self.url) + lines

    def _refuse_head(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _watch_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.header_seconds, self.transport.close)

    def _unwatch_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def guarded_protocol(*, header_seconds: float, max_header_bytes: int) -> type[GuardedProtocol]:
    """The protocol class with these bounds, for `uvicorn.Config(http=…)`."""
    bounds = {"header_seconds": header_seconds, "max_header_bytes": max_header_bytes}
    return type("BoundedProtocol", (GuardedProtocol,), bounds)
