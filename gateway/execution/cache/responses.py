"""The finished answers of operations, kept while all they were made of is good.

An answer is kept when every part of it came out of memory for the second time, so that what is
asked once takes no room; and under what it hangs on: the operation, its variables as JSON, and the
whole viewer. It ends with the first of its parts, and whatever invalidates one of them invalidates
it (`gateway.caching.memory`). So the hit of a busy page is one look-up, and what it may serve is
what its parts might serve at that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from gateway.execution.exchange import Answer, Freshness
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.caching.cache import Cache
    from gateway.caching.memory import ResponseName
    from gateway.documents.store import Operation
    from gateway.execution.exchange import GraphQLRequest
    from gateway.execution.waves import Waves
    from gateway.planning.steps import Fetch, Plan
    from gateway.viewer import Viewer

_MOST_VARIABLES = 16_384
"""Bytes of variables under which an answer is kept."""
_MOST_SEEN = 1_024
"""Names of one query that are remembered as seen once."""
_PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


class CachedResponses:
    """The finished answers of one query, by variables and viewer."""

    __slots__ = ("_any", "_cache", "_seen")

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._any = False
        self._seen: set[int] = set()

    def find(
        self, request: GraphQLRequest, viewer: Viewer, operation: Operation, *, tells: bool
    ) -> Answer | None:
        """The answer to a request, where it may be served at this moment.

        `tells`: whether caches in front of us are told how long they may keep it.
        """
        if not self._any or (name := self._name(request, viewer)) is None:
            return None
        found = self._cache.at_hand(name)
        if found is None:
            return None
        response, age = found
        freshness = Freshness(response.policy, viewer == ANONYMOUS, age) if tells else None
        return Answer(response.value, freshness=freshness, operation=operation)

    def keep(
        self, request: GraphQLRequest, viewer: Viewer, plan: Plan, waves: Waves, body: bytes
    ) -> None:
        """Keep a flawless answer to a request, if all that went into it was in memory."""
        parts = None if waves.cache is None else waves.cache.parts
        if not parts or plan.policy is None or not all(map(_is_kept, _fetches(plan))):
            return
        name = self._name(request, viewer)
        if name is None:
            return
        if hash(name) in self._seen:
            self._any = True
            self._cache.memory.join(name, body, plan.policy, parts)
            return
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(hash(name))

    def _name(self, request: GraphQLRequest, viewer: Viewer) -> ResponseName | None:
        """What an answer is kept under; None for requests that want to be told something."""
        if request.extensions and "plait" in request.extensions:
            return None
        if not request.variables and not viewer.claims:
            return self, b"", viewer
        try:
            variables = orjson.dumps(request.variables or None, option=_PLAIN)
            # Rules read claims as JSON: 1, 1.0 and true are equal here, and not there.
            claims = orjson.dumps(viewer.claims)
        except TypeError:  # a file, or an integer beyond 64 bits
            return None
        small = len(variables) <= _MOST_VARIABLES
        return (self, variables, (viewer, claims)) if small else None


def freshness_of(
    plan: Plan, waves: Waves, viewer: Viewer, codes: Sequence[str]
) -> Freshness | None:
    """How long caches in front may keep the whole answer to a query; None where they may not."""
    cache = waves.cache
    told = waves.trace.wanted or (cache is not None and cache.told is not None)
    if plan.policy is None or codes or told:
        return None
    return Freshness(plan.policy, viewer == ANONYMOUS, 0.0 if cache is None else cache.age)


def _is_kept(fetch: Fetch) -> bool:
    """Whether a fetch is read through the cache, whatever comes."""
    return fetch.caching is not None and fetch.ranked is None


def _fetches(plan: Plan) -> Iterator[Fetch]:
    waiting = [
        fetch
        for root in plan.roots
        for fetch in (root.fetch, *(root.entities or {}).values())
        if fetch is not None
    ]
    while waiting:
        fetch = waiting.pop()
        yield fetch
        waiting += fetch.holes
