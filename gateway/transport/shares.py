"""What each client has open, within a share of its own."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.errors import Code, RequestError
from gateway.identity.clients import Clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.transport.streaming import StreamLimits

_LOG = logging.getLogger(__name__)


class Places:
    """At most `most` at once for each client; 0 sets no bound.

    `what` there are so many of, in the plural; `setting` says how many.
    """

    def __init__(self, most: int, what: str, setting: str) -> None:
        self._most = most
        self._what = what
        self._setting = setting
        self._taken: Counter[str] = Counter()
        self._refused = 0

    def take(self, client: str) -> None:
        """Let the client have one more.

        Raises RequestError (SUBSCRIPTION_LIMIT_EXCEEDED), which says how many it may have.
        """
        if self._most and self._taken[client] >= self._most:
            self._note()
            raise RequestError(
                f"A client has at most {self._most} {self._what} at once.",
                code=Code.SUBSCRIPTION_LIMIT_EXCEEDED,
            )
        self._taken[client] += 1

    def leave(self, client: str) -> None:
        """One that was taken is free again."""
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]

    @contextmanager
    def held(self, client: str) -> Iterator[None]:
        """One more, for as long as the block lasts. Raises RequestError as `take` does."""
        self.take(client)
        try:
            yield
        finally:
            self.leave(client)

    def _note(self) -> None:
        """Told by powers of two: who set up a proxy reads it, and a flood is a few lines."""
        self._refused += 1
        if self._refused.bit_count() == 1:
            _LOG.warning(
                "a client has all the %s that %s allows it (%d refused so far);"
                " behind a proxy rate_limit.client_header tells clients apart",
                self._what,
                self._setting,
                self._refused,
            )


class Shares:
    """The shares of a process's clients: `connections`, and `operations` on them."""

    def __init__(self, limits: StreamLimits) -> None:
        self.clients = Clients(limits.client_header)
        self.connections = Places(limits.per_client, "connections", "subscriptions.per_client")
        self.operations = Places(
            limits.operations_per_client, "operations", "subscriptions.operations_per_client"
        )
