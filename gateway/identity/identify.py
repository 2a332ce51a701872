"""Tells who sends a request, by the credentials in its headers."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from gateway.errors import CredentialsError
from gateway.identity.refusing import Reason, refused
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from starlette.types import Scope

    from gateway.identity.apikeys import ApiKeys
    from gateway.identity.tokens import Tokens

_LOG = logging.getLogger(__name__)
_AUTHORIZATION = b"authorization"
_BEARER = b"bearer"


class Identity:
    """What the transport calls with the raw headers of every request, and what they came in.

    Without `tokens` the header `Authorization` is not looked at, as it may be meant for a proxy;
    without `keys` there are no API keys. `key_header` is in lower case. `anonymous` says whether a
    request without credentials is anybody's, or refused.
    """

    def __init__(
        self,
        tokens: Tokens | None,
        keys: ApiKeys | None,
        *,
        key_header: bytes = b"x-api-key",
        anonymous: bool = True,
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._anonymous = anonymous
        self._headers = frozenset(
            name
            for name, used in ((_AUTHORIZATION, tokens), (key_header, keys))
            if used is not None
        )
        self._refusals: Counter[str] = Counter()

    def __call__(
        self, headers: Sequence[tuple[bytes, bytes]], scope: Scope
    ) -> Viewer | Awaitable[Viewer]:
        """The viewer; to be awaited only where somebody must be asked first.

        Raises CredentialsError, at once or when awaited.
        """
        found: tuple[bytes, bytes] | None = None
        names = self._headers
        for line in headers:
            if line[0] in names:
                if found is not None:
                    raise self._noted(refused(Reason.AMBIGUOUS))
                found = line
        if found is None:
            if self._anonymous:
                return ANONYMOUS
            raise self._noted(refused(Reason.MISSING))
        return self._identified(*found, scope)

    def figures(self) -> Mapping[str, int]:
        """How many credentials were refused so far, by reason."""
        return dict(self._refusals)

    async def close(self) -> None:
        """End what is under way."""
        if self._tokens is not None:
            await self._tokens.close()

    def _identified(self, name: bytes, value: bytes, scope: Scope) -> Viewer | Awaitable[Viewer]:
        try:
            viewer = self._by_token(value) if name == _AUTHORIZATION else self._by_key(value, scope)
        except CredentialsError as error:
            raise self._noted(error) from None
        return viewer if isinstance(viewer, Viewer) else self._awaited(viewer)

    async def _awaited(self, viewer: Awaitable[Viewer]) -> Viewer:
        try:
            return await viewer
        except CredentialsError as error:
            raise self._noted(error) from None

    def _by_token(self, value: bytes) -> Viewer | Awaitable[Viewer]:
        scheme, _, token = value.strip().partition(b" ")
        if self._tokens is None or scheme.lower() != _BEARER or not token:
            raise refused(Reason.MALFORMED)
        return self._tokens.viewer(token.strip())

    def _by_key(self, value: bytes, scope: Scope) -> Viewer | Awaitable[Viewer]:
        if self._keys is None:
            raise refused(Reason.API_KEY)
        return self._keys.viewer(value.strip(), scope)

    def _noted(self, error: CredentialsError) -> CredentialsError:
        """Counted, and logged by powers of two, so that a flood of them floods no log."""
        self._refusals[error.reason] = count = self._refusals[error.reason] + 1
        if count.bit_count() == 1:
            _LOG.info("credentials were refused: %s (%d so far)", error.reason, count)
        return error
