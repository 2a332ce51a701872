"""The keys of a namespace, page by page: SCAN confined by its pattern, never KEYS.

SCAN's promise is kept: a key that is there from the first page to the last is on one of them. So a
page ends where an answer of SCAN ends, and may hold a few keys more than were asked for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.schema import opaque
from gateway.schema.state.keys import MOST, literal, shown
from gateway.sources.redis.faults import accepted
from gateway.sources.redis.link import Command

if TYPE_CHECKING:
    from gateway.schema.state.namespaces import Namespace
    from gateway.sources.redis.link import Link
    from gateway.sources.redis.turns import Turns

ROUNDS = 100
"""Answers of SCAN that one page looks through at most."""
_FEWEST = 1
_SPARE = 0.1
"""Seconds before the deadline at which a page ends with what it has."""


@dataclass(frozen=True, slots=True)
class Page:
    """Stored keys with their names for clients, where it began, and where to go on, if at all."""

    keys: dict[bytes, str]
    begin: tuple[str, str]
    after: tuple[str, str] | None

    def cursor(self, match: str, *, again: bool = False) -> str | None:
        """Where to go on, or to begin `again`, as opaque text that belongs to this `match`."""
        place = self.begin if again else self.after
        return None if place is None else opaque.encode(f"keys {match}", place)


class Scan:
    """One look through the keys like `match` (a pattern of encoded keys)."""

    def __init__(self, link: Link, turns: Turns, namespace: Namespace, match: str) -> None:
        self._link = link
        self._turns = turns
        self._namespace = namespace
        self._prefix = namespace.prefix.encode()
        self._pattern = literal(namespace.prefix) + match

    async def page(self, first: int, after: tuple[str, str] | None, deadline: float) -> Page:
        """About `first` keys from the place `after` on. Raises SourceError, InputError."""
        found: dict[bytes, str] = {}
        nodes = await self._link.nodes()
        begin = place = after or (nodes[0], "0")
        if place[0] not in nodes:
            raise InputError("`after` is of a server that is gone; begin again.")
        count = max(first, _FEWEST)
        loop = asyncio.get_running_loop()
        for _ in range(ROUNDS):
            cursor, keys = await self._look(place, min(count, MOST), deadline)
            found |= keys
            next_place = self._next(nodes, place[0], cursor)
            if next_place is None:
                return Page(found, begin, None)
            place = next_place
            if len(found) >= first or loop.time() > deadline - _SPARE:
                break
            # Where nothing was found, look further at once.
            count = max(first - len(found), _FEWEST) if keys else count * 2
        return Page(found, begin, place)

    async def _look(
        self, place: tuple[str, str], count: int, deadline: float
    ) -> tuple[str, dict[bytes, str]]:
        node, cursor = place
        words = ("SCAN", cursor, "MATCH", self._pattern, "COUNT", count)
        _, answers = await self._turns.ask((), [Command(words, node)], deadline)
        ((following, stored),) = accepted(answers, self._namespace.shown, "value")
        named = ((key, shown(key, self._prefix)) for key in stored)
        return following.decode(), {key: name for key, name in named if name is not None}

    @staticmethod
    def _next(nodes: list[str], node: str, cursor: str) -> tuple[str, str] | None:
        """The place behind an answer: further on this server, or the next one's beginning."""
        if cursor != "0":
            return node, cursor
        later: Any = nodes[nodes.index(node) + 1 :]
        return (later[0], "0") if later else None
