"""API keys: from the settings, and from the domain's own table, known by their SHA-256 alone.

A key is random and long, so one fast hash is enough: nobody finds a key from its hash by trying
(docs/decisions/api-keys.md). Of a presented key its hash is looked up, and how long that takes says
nothing of any key.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.identity.claims import ClaimNames, viewer_of
from gateway.identity.refusing import Reason, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Scope

    from gateway.identity.guesses import Guesses
    from gateway.viewer import Viewer

MIN_CHARS, MAX_CHARS = 20, 512
REMEMBERED = 10_000
"""Keys whose owners are remembered, and keys that are nobody's."""
_ROW = ClaimNames(subject="subject", scopes="scopes")

Lookup: TypeAlias = "Callable[[str], Awaitable[Mapping[str, Any] | None]]"
"""Whose key has this hash (SHA-256 in lower-case hex): `subject`, `roles`, `scopes` and `tenant`.

None where it is nobody's.

Bounded in time; raises whatever it likes when it cannot tell.
"""


def hash_of(key: bytes) -> str:
    """A key's hash, as settings and tables hold it."""
    return hashlib.sha256(key).hexdigest()


class ApiKeys:
    """Tells whose a key is.

    `known`: the settings' keys, viewers by hash. `lookup`: asks the domain, where it keeps keys.
    `remember`: seconds for which its answer is believed, also when it is that there is no such key.
    `guesses` bounds questions about keys that were nobody's so far; without it nothing does.
    """

    def __init__(
        self,
        known: Mapping[str, Viewer],
        lookup: Lookup | None = None,
        *,
        remember: float = 30.0,
        guesses: Guesses | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._known = dict(known)
        self._lookup = lookup
        self._remember = remember
        self._clock = clock
        self._guesses = guesses
        self._owners: dict[str, tuple[Viewer, float]] = {}
        self._nobodys: dict[str, float] = {}

    def viewer(self, key: bytes, scope: Scope) -> Viewer | Awaitable[Viewer]:
        """Whose key it is that came in `scope`; to be awaited only where the domain must be asked.

        Raises CredentialsError, at once or when awaited.
        """
        if not MIN_CHARS <= len(key) <= MAX_CHARS:
            raise refused(Reason.API_KEY)
        digest = hash_of(key)
        for known, viewer in self._known.items():
            if hmac.compare_digest(known, digest):
                return viewer
        if self._lookup is None:
            raise refused(Reason.API_KEY)
        now = self._clock()
        owner = self._owners.get(digest)
        if owner is not None and now < owner[1]:
            return owner[0]
        if now < self._nobodys.get(digest, now):
            raise refused(Reason.API_KEY)
        if owner is not None or self._guesses is None:
            return self._ask(self._lookup, digest)
        return self._guess(self._guesses, scope, self._lookup, digest)

    async def _guess(self, guesses: Guesses, scope: Scope, lookup: Lookup, digest: str) -> Viewer:
        async with guesses.guess(scope):
            return await self._ask(lookup, digest)

    async def _ask(self, lookup: Lookup, digest: str) -> Viewer:
        try:
            row = await lookup(digest)
        except Exception:  # noqa: BLE001 - the source's own figures and log tell what it was
            raise refused(Reason.UNAVAILABLE) from None
        until = self._clock() + self._remember
        if row is None:
            self._owners.pop(digest, None)
            _keep(self._nobodys, digest, until)
            raise refused(Reason.API_KEY)
        found = viewer_of(row, _ROW)
        _keep(self._owners, digest, (found, until))
        return found


def _keep(kept: dict[str, Any], digest: str, answer: Any) -> None:
    """The oldest gives way; made-up keys never take the place of good ones, which are elsewhere."""
    kept.pop(digest, None)
    if len(kept) >= REMEMBERED:
        del kept[next(iter(kept))]
    kept[digest] = answer
