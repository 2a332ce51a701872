"""Requests to Directus: with credentials, and not before the time it asks to be left alone for.

Reads go by GET, or by SEARCH where the URL would grow too long.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from gateway.embedding.retrying import retry_after
from gateway.errors import SourceOverloaded
from gateway.sources.directus.faults import INVALID_TOKEN, TOKEN_EXPIRED, code_of, envelope
from gateway.sources.http import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.sources.directus.credentials import Credentials
    from gateway.sources.directus.faults import Envelope
    from gateway.sources.http import HttpService, Reply

LONGEST_URL = 4_096
"""Bytes of a path with its query; proxies take 8 kB as a rule."""

_OWN = "directus_"
JSON = {"content-type": "application/json"}
_UNAUTHORIZED = (401, 403)
_STALE = (TOKEN_EXPIRED, INVALID_TOKEN)
"""The latter where Directus was given another secret to sign with."""
_LIMITED = (429, 503)
_LEAST_PAUSE = 0.05
"""Seconds, where Directus says that it may be asked again at once."""


class Sending:
    """Sends as whom the credentials say.

    A token that Directus calls expired is renewed and the request sent once more: it was refused
    before anything was done. Where Directus says how long to leave it alone (`Retry-After`), nobody
    asks it before that; who reads waits for it within the deadline, a write is never sent again.
    """

    def __init__(self, service: HttpService, credentials: Credentials) -> None:
        self.name = service.name
        self.place = service.place
        self.viewer_slots = credentials.viewer_slots
        self._service = service
        self._credentials = credentials
        self._not_before = 0.0

    async def open(self) -> None:
        """Make the connections' pool."""
        await self._service.open()

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._credentials.close()
        await self._service.close()

    async def ask(
        self, request: Outgoing, deadline: float, passed: Iterable[tuple[str, str]] = ()
    ) -> Envelope:
        """The parts of Directus's answer; `passed` are the caller's headers that may go on.

        Raises SourceError.
        """
        reply = await self.reply(request, deadline, passed)
        return envelope(self.name, reply, callers=self._credentials.callers)

    async def reply(
        self, request: Outgoing, deadline: float, passed: Iterable[tuple[str, str]] = ()
    ) -> Reply:
        """Directus's answer as it is, be it an error."""
        while True:
            await self._pause(deadline)
            reply = await self._authorized(request, deadline, tuple(passed))
            hold = None
            if reply.status in _LIMITED:
                hold = retry_after(reply.headers.get("retry-after"))
            if hold is None:
                return reply
            now = asyncio.get_running_loop().time()
            self._not_before = max(self._not_before, now + max(hold, _LEAST_PAUSE))
            if not request.repeatable or self._not_before >= deadline:
                return reply

    async def _pause(self, deadline: float) -> None:
        """Wait as long as Directus asked for. Raises SourceOverloaded where that is too long."""
        left = self._not_before - asyncio.get_running_loop().time()
        if left <= 0:
            return
        if self._not_before >= deadline:
            raise SourceOverloaded(
                f"{self.name} is at its limits; try again later.",
                extensions={"retryAfter": round(left, 1)},
            )
        await asyncio.sleep(left)

    async def _authorized(
        self, request: Outgoing, deadline: float, passed: tuple[tuple[str, str], ...]
    ) -> Reply:
        used = await self._credentials.authorization(passed, deadline)
        reply = await self._service.send(_signed(request, used), deadline)
        if reply.status not in _UNAUTHORIZED or code_of(reply) not in _STALE:
            return reply
        if not self._credentials.expired(used):
            return reply
        used = await self._credentials.authorization(passed, deadline)
        return await self._service.send(_signed(request, used), deadline)


def _signed(request: Outgoing, authorization: str | None) -> Outgoing:
    if authorization is None:
        return request
    return replace(request, headers={**request.headers, "authorization": authorization})


def items_path(collection: str) -> str:
    """Where the items of a collection are; Directus's own ones have places of their own."""
    if collection.startswith(_OWN):
        return f"/{quote(collection.removeprefix(_OWN), safe='')}"
    return f"/items/{quote(collection, safe='')}"


def query_string(query: Mapping[str, Any]) -> str:
    """The query of a URL: names in lists stand between commas, what is no text is JSON."""
    return urlencode(parameters(query))


def parameters(query: Mapping[str, Any]) -> dict[str, str]:
    """The same before it is encoded."""
    return {name: _written(value) for name, value in query.items()}


def reading(path: str, query: Mapping[str, Any]) -> Outgoing:
    """A read, which may be sent again."""
    whole = f"{path}?{query_string(query)}"
    if len(whole) <= LONGEST_URL:
        return Outgoing("GET", whole, repeatable=True)
    return Outgoing("SEARCH", path, orjson.dumps({"query": query}), JSON, repeatable=True)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(value)
    return orjson.dumps(value).decode()
