"""As whom Directus is asked: by a token of the gateway's, a login, or as the caller.

Each says what the header Authorization holds. Nothing here is logged or told to a client.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import msgspec
import orjson

from gateway.errors import Code, SourceError, SourceRefused, SourceTimeout
from gateway.schema.access.rules import HEADERS, VIEWER_SPEC
from gateway.sources.directus.faults import envelope
from gateway.sources.http import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.sources.contract import Slots
    from gateway.sources.http import HttpService

EARLY_SECONDS = 30.0
"""How long before its end a token is renewed, at most half of its life."""
LOGIN_SECONDS = 10.0
"""How long a login or a renewal may take; it serves all who wait for it."""
_JSON = {"content-type": "application/json"}
SPARE_SECONDS = 30.0
"""How long a refused login is not tried again: Directus suspends users after too many."""


class Credentials(ABC):
    """Says who asks.

    `callers` where that is the client's own matter; `viewer_slots` are what a request then takes of
    the viewer, so that two callers never share an answer.
    """

    callers = False
    viewer_slots: Slots = ()

    @abstractmethod
    async def authorization(self, passed: Iterable[tuple[str, str]], deadline: float) -> str | None:
        """The value of the header; `passed` are the headers of the caller that may go on.

        Raises SourceError where it cannot be had before `deadline` (event loop's clock).
        """

    def expired(self, used: str | None) -> bool:
        """Directus calls `used` expired: whether there will be another."""
        del used
        return False

    async def close(self) -> None:  # noqa: B027 - most have nothing under way
        """Give up what is under way."""


class StaticToken(Credentials):
    """A token of the gateway's; without one Directus is asked as the public."""

    def __init__(self, token: str = "") -> None:
        self._authorization = f"Bearer {token}" if token else None

    async def authorization(self, passed: Iterable[tuple[str, str]], deadline: float) -> str | None:
        """The token, always the same."""
        del passed, deadline
        return self._authorization


class CallersToken(Credentials):
    """The caller's own header goes on; without one Directus is asked as the public."""

    callers = True
    viewer_slots = ((VIEWER_SPEC, HEADERS),)

    async def authorization(self, passed: Iterable[tuple[str, str]], deadline: float) -> str | None:
        """What the caller sent."""
        del deadline
        return next((value for name, value in passed if name == "authorization"), None)


class _Tokens(msgspec.Struct):
    """What a login or a renewal gives; `expires` in milliseconds."""

    access_token: str
    refresh_token: str
    expires: float


class Login(Credentials):
    """Tokens for an email and a password, renewed before they end.

    One login or renewal at a time, for everybody; a token that still holds is used meanwhile.
    `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        service: HttpService,
        email: str,
        password: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._email = email
        self._password = password
        self._clock = clock
        self._tokens: _Tokens | None = None
        self._renew_at = self._ends_at = 0.0
        self._flight: asyncio.Task[None] | None = None
        self._refusal: tuple[float, SourceError] | None = None

    async def authorization(self, passed: Iterable[tuple[str, str]], deadline: float) -> str | None:
        """A token that holds, fetched where there is none."""
        del passed
        now = self._clock()
        if now >= self._renew_at:
            flight = self._renewing()
            if now >= self._ends_at:
                try:
                    async with asyncio.timeout_at(deadline):
                        await asyncio.shield(flight)
                except TimeoutError:
                    raise SourceTimeout(f"{self._service.name} did not answer in time.") from None
        if self._tokens is None:
            raise SourceRefused(f"{self._service.name} gave no token.")
        return f"Bearer {self._tokens.access_token}"

    def expired(self, used: str | None) -> bool:
        """Forget a token; one that came since is kept."""
        if self._tokens is not None and used == f"Bearer {self._tokens.access_token}":
            self._renew_at = self._ends_at = 0.0
        return True

    async def close(self) -> None:
        """Give up a login that is under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    def _renewing(self) -> asyncio.Task[None]:
        if self._flight is None:
            self._flight = asyncio.create_task(self._renew())
            self._flight.add_done_callback(self._landed)
        return self._flight

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # those who wait have it; where nobody does, it is none of note

    async def _renew(self) -> None:
        """A new pair of tokens: by the old one, or where that is no good by the password."""
        if self._refusal is not None and self._clock() < self._refusal[0]:
            raise self._refusal[1]
        tokens = None
        if self._tokens is not None:
            renewal = {"refresh_token": self._tokens.refresh_token, "mode": "json"}
            try:
                tokens = await self._asked("/auth/refresh", renewal)
            except SourceRefused:
                self._tokens = None
                self._ends_at = 0.0
        if tokens is None:
            login = {"email": self._email, "password": self._password, "mode": "json"}
            try:
                tokens = await self._asked("/auth/login", login)
            except SourceRefused as error:
                if error.code is Code.CONFIGURATION:
                    self._refusal = (self._clock() + SPARE_SECONDS, error)
                raise
        now, life = self._clock(), tokens.expires / 1000
        self._tokens, self._refusal = tokens, None
        self._ends_at = now + life
        self._renew_at = self._ends_at - min(EARLY_SECONDS, life / 2)

    async def _asked(self, path: str, content: dict[str, str]) -> _Tokens:
        deadline = asyncio.get_running_loop().time() + LOGIN_SECONDS
        request = Outgoing("POST", path, orjson.dumps(content), _JSON)
        reply = await self._service.send(request, deadline)
        found = envelope(self._service.name, reply)
        try:
            return msgspec.json.decode(found.data, type=_Tokens)
        except msgspec.MsgspecError:
            raise SourceRefused(f"{self._service.name} gave no token.") from None
