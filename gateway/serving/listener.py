"""uvicorn, with bounds on a request's head, in time and size, and on the time to take an answer.

uvicorn itself waits for ever for a head, gathers headers and trailers of any size, takes trailers
for headers and any number of Hosts, and keeps an answer for as long as its client does not read it.
The body is bounded by the application, which knows the request's deadline; what a client still
sends after its answer gets no more time than a head.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.errors import ConfigurationError
from gateway.serving.response import WholeResponse
from gateway.serving.starting import PromptLifespan, Starting
from gateway.serving.websockets import QuietWebSocketProtocol
from gateway.transport.event_streams import DRAINING

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from gateway.settings import Limits, Serve

MAX_HEADERS = 100

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


def bind(host: str, port: int) -> socket.socket:
    """A socket that holds the address, before anything else is begun.

    Raises `ConfigurationError` when the address is not to be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as on_failure:
            listener = on_failure.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.set_inheritable(True)
            on_failure.pop_all()
            return listener
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host} port {port} ({error.strerror});"
            " name another with --port (serve.port, PLAIT_SERVE_PORT)"
        ) from None


class ListenerConfig(uvicorn.Config):
    """How uvicorn is run: the settings of `[serve]`, no access log, its log lines to ours.

    `app`: the import string of an application factory, or an application. `options` go to
    uvicorn as they are.
    """

    def __init__(self, app: Any, serve: Serve, limits: Limits, **options: Any) -> None:
        super().__init__(
            app,
            host=serve.host,
            port=serve.port,
            workers=serve.workers,
            http=BoundedHttpProtocol,
            ws=QuietWebSocketProtocol,
            ws_max_size=limits.max_body_bytes,
            ws_per_message_deflate=False,  # a few bytes could grow to any number of them
            loop="uvloop",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=serve.keep_alive_seconds,
            timeout_graceful_shutdown=int(serve.drain_seconds),
            **options,
        )
        self.starting = Starting()
        self.header_seconds = serve.header_seconds
        self.send_seconds = serve.send_seconds
        self.max_header_bytes = limits.max_header_bytes

    def load(self) -> None:
        """Make the application; until that has started, a signal ends the process at once."""
        self.starting.begin()
        super().load()
        self.lifespan_class = PromptLifespan


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection: closed when a head is late, answered 431 when it is too large.

    It is aborted when too much of an answer waits for the client for too long.
    """

    config: ListenerConfig

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # A request's target may hold a document; whoever sets up logging cannot turn this on.
        self.access_log = False
        self._answering: RequestResponseCycle | None = None
        self._late: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None
        self._in_head = False
        self._upgraded = False
        self._unparsed = 0
        self._bodied = False
        self._fits = True
        self._most = self.config.max_header_bytes
        self._too_large = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Begin the time for the first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers with the connection, and tell the request that is being answered.

        uvicorn tells the last one that came, which may wait behind it.
        """
        self._head_came()
        self._taken()
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; what then is still an open head, or answers nothing, has a time to end."""
        all_of_it = self._in_head or self._has_answered()
        # A head that begins and ends in so few bytes need not be measured.
        self._fits = not self._in_head and len(data) <= self._most
        in_body = self._in_body()
        self._bodied = False
        super().data_received(data)
        if self._in_head:
            self._unparsed += len(data) if all_of_it else 0
            if self._unparsed > self._most:
                self._refuse()
        elif in_body:
            # Trailers and chunks' extensions: all that may come between a head and a head.
            self._unparsed = 0 if self._bodied else self._unparsed + len(data)
            if self._unparsed > self._most:
                self._refuse_body()
        if self._late is None and (self._in_head or self._is_idle()):
            self._expect_head()

    def pause_writing(self) -> None:
        """The client takes less than it gets: begin its time."""
        super().pause_writing()
        if self._untaken is None:
            self._untaken = self.loop.call_later(self.config.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It took nearly all."""
        super().resume_writing()
        self._taken()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        self._unparsed = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole: refuse it, or start its request."""
        self._in_head = False
        self._head_came()
        if len(self.headers) > MAX_HEADERS or (
            not self._fits and self._size_of_head() > self._most
        ):
            self._too_large = True
            raise ValueError  # ends the parsing; uvicorn then answers through send_400_response
        if [name for name, _ in self.headers].count(b"host") != 1 and self._misnames_host():
            raise ValueError
        self._unparsed = 0
        # uvicorn adds trailers to its own list, where they would count as what a proxy has checked.
        self.scope["headers"] = self.headers.copy()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._bodied = True
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, or is too large, and close."""
        if self._too_large:
            self._refuse()
        else:
            super().send_400_response(msg)

    def shutdown(self) -> None:
        """Take no further request; streams that would go on for ever are asked to end."""
        super().shutdown()
        draining = self.app_state.get(DRAINING)
        if draining is not None:
            draining.set()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._upgraded = True
        super().handle_websocket_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, WholeResponse(cycle, app))

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _misnames_host(self) -> bool:
        """RFC 9112, 3.2: one Host, and none only from a client that speaks HTTP/1.0."""
        named = any(name == b"host" for name, _ in self.headers)
        return named or self.parser.get_http_version() != "1.0"

    def _in_body(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and cycle.more_body and not self._in_head

    def _refuse_body(self) -> None:
        if self.cycle.response_started:
            self.transport.close()
        else:
            self._refuse()

    def _refuse(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _is_idle(self) -> bool:
        """Nothing is being answered, and uvicorn's own timer does not run."""
        closing = self._upgraded or self.transport.is_closing()
        return self._has_answered() and not closing and self.timeout_keep_alive_task is None

    def _has_answered(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, which uvicorn's types deny
        return cycle is None or bool(cycle.response_complete)

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(self.config.header_seconds, self._close_late)

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def _close_late(self) -> None:
        self._late = None
        if self._has_answered():
            self.transport.close()
        else:
            self._expect_head()  # a request is being answered; the one behind it may wait
