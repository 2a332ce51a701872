"""One HTTP service as the proxying sources reach it: bounded in time, size and connections.

The only module that knows the client library. It is loaded at `open`, so that a gateway without
such sources does not pay for it. See docs/decisions/http-client.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.errors import (
    ConfigurationError,
    SourceError,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.breaker import ProbedBreaker
from gateway.telemetry.places import place_of
from gateway.telemetry.propagation import trace_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import aiohttp

_CHUNK = 65_536
_TRIES = 2
_FAILED = 500
"""Statuses from here on count as failures, as do answers that never came."""
_ENOUGH = 5
"""Failures in a row after which the service is asked for a sign of life."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A body of `length` bytes that is sent piece by piece; `pieces` begins it anew."""

    length: int
    pieces: Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request: `path` is appended to the service's address, query string included.

    `repeatable` says that it changes nothing, so that it may be sent again when the connection
    broke before an answer came.
    """

    method: str
    path: str = ""
    body: bytes | Stream | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpService:
    """A service at one address.

    `name` is what errors call it; `headers` go with every request. Without a `url` no setting says
    where it is, and what is sent fails with an error that says so. `connections` bounds what is
    under way at once, `max_bytes` an answer's size once it is unpacked, `connect_seconds` the time
    to connect within the deadline. Redirects are refused: they could lead anywhere.

    A service that has failed several times in a row is sent `sign`, a request that changes nothing.
    Any answer below 500 is a sign of life: the fault is with what was asked. Where none comes in
    the time to connect, the service is spared, and sent `sign` again until it answers.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        url: str | None,
        *,
        headers: Mapping[str, str] | None = None,
        connections: int = 64,
        connect_seconds: float = 2.0,
        max_bytes: int = 16_000_000,
        sign: Outgoing = Outgoing("GET"),
    ) -> None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ConfigurationError(f"{name}: its url must begin with http:// or https://.")
        self.name = name
        self.place = place_of(url or "")
        self._url = (url or "").rstrip("/")
        self._headers = dict(headers or {})
        self._connections = connections
        self._connect_seconds = connect_seconds
        self._max_bytes = max_bytes
        self._sign = sign
        self._failures = 0
        self._breaker = ProbedBreaker(self._sign_of_life, seconds=connect_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the connection pool; nothing is sent yet. Idempotent."""
        if self._url and self._session is None:
            # Half a second of importing, during which the event loop goes on.
            client = await client_library()
            # One more than are under way, for the sign of life.
            self._session = new_session(
                client, self._headers, self._connect_seconds, connections=self._connections + 1
            )

    async def close(self) -> None:
        """Close all connections; idempotent."""
        await self._breaker.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def figures(self) -> Mapping[str, float]:
        """Gauge: whether the breaker is open."""
        return {"breaker_open": float(self._breaker.open)}

    async def send(self, request: Outgoing, deadline: float) -> Reply:
        """The service's answer, whatever its status, before `deadline` (event loop's clock).

        Raises `SourceTimeout`, `SourceUnavailable` (also while the breaker is open), and
        `SourceRefused` for a redirect or an answer that is too large.
        """
        if not self._url:
            raise unlocated(self.name)
        if self._breaker.open:
            raise SourceUnavailable(f"{self.name} has not answered lately; it is being spared.")
        tries = _TRIES if request.repeatable else 1
        for left in reversed(range(tries)):
            try:
                async with asyncio.timeout_at(deadline):
                    reply = await self._once(request)
            except TimeoutError:
                self._failed()
                raise SourceTimeout(f"{self.name} did not answer in time.") from None
            except _Broken:
                if left:
                    continue
                self._failed()
                raise SourceUnavailable(f"{self.name} cannot be reached.") from None
            except SourceError:
                self._failures = 0
                raise
            if reply.status >= _FAILED:
                self._failed()
            else:
                self._failures = 0
            return reply
        raise AssertionError("a request is tried at least once")

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= _ENOUGH:
            self._breaker.suspect()

    async def _sign_of_life(self) -> None:
        """Raises where no answer comes, or one that says the same again."""
        try:
            reply = await self._once(self._sign)
        except SourceRefused:
            return  # a redirect, or a long page: somebody is there
        if reply.status >= _FAILED:
            raise SourceUnavailable(f"{self.name} answers with failures only.")

    async def _once(self, request: Outgoing) -> Reply:
        session = self._session
        if session is None:
            raise SourceUnavailable(f"{self.name} is not open.")
        client = _client()
        body, headers = request.body, {**request.headers, **trace_headers()}
        if isinstance(body, Stream):
            headers["content-length"] = str(body.length)
        try:
            async with session.request(
                request.method,
                self._url + request.path,
                data=body.pieces() if isinstance(body, Stream) else body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                if 300 <= response.status < 400 and response.status != 304:  # noqa: PLR2004 - HTTP statuses
                    raise SourceRefused(
                        f"{self.name} answered with a redirect, which is not followed; "
                        "configure the address it leads to."
                    )
                body = await self._body(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status, headers, body)
        except client.ConnectionTimeoutError:
            raise _Broken from None
        except TimeoutError:
            raise
        except (client.ClientError, OSError):
            raise _Broken from None

    async def _body(self, response: Any) -> bytes:
        if (response.content_length or 0) > self._max_bytes:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > self._max_bytes:
                raise self._too_large()
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _too_large(self) -> SourceRefused:
        return SourceRefused(f"{self.name} answered with more than {self._max_bytes} bytes.")


class _Broken(Exception):  # noqa: N818 - a condition to act on
    """The connection could not be made, or broke before the answer was whole."""


def unlocated(name: str) -> SourceUnavailable:
    """What is asked of a source that no setting locates answers this."""
    setting = name if "." in name else f"{name}.default"
    return SourceUnavailable(f"{name} is not configured: set {setting}.url.")


async def client_library() -> Any:
    """The client library, loaded beside the event loop."""
    return await asyncio.to_thread(_client)


def new_session(
    client: Any, headers: Mapping[str, str], connect_seconds: float, *, connections: int
) -> Any:
    """Connections, at most so many at once (0: any number), that keep no cookies."""
    return client.ClientSession(
        connector=client.TCPConnector(
            limit=connections,
            keepalive_timeout=30,
            # Newer Pythons close such connections themselves, and the library then says so.
            enable_cleanup_closed=client.connector.NEEDS_CLEANUP_CLOSED,
        ),
        timeout=client.ClientTimeout(total=None, sock_connect=connect_seconds),
        cookie_jar=client.DummyCookieJar(),
        headers={"user-agent": "plait", **headers},
        trust_env=False,
    )


def _client() -> Any:
    import aiohttp  # noqa: PLC0415 - loaded only where a source needs it

    return aiohttp
