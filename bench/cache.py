"""The cache's promises, each a figure: what is asked, and what came out of it. Pure."""

# ruff: noqa: RUF001 - ratios are written with a multiplication sign

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 50
"""Entities of one request of the partial hit."""
MISSING = 5
"""Of these, those that are in no level of the cache."""
TRENDS = 10_000
"""How many trends there are to miss."""
READERS = 1_000
"""Requests at once, for what nobody has cached."""
GATEWAYS = 4
"""Processes that these are spread over."""
TAGGED = 10_000
"""Entries under the tag that is invalidated."""

FLOOR_RATIO = 0.5
PARTIAL_RATIO = 2.0
INVALIDATION_MS = 20.0


@dataclass(frozen=True, slots=True)
class CacheWorkload:
    """A document that is fully cached; `name` stands in the tables, `of` is the uncached one's."""

    name: str
    of: str

    @property
    def body(self) -> str:
        """The request's body."""
        (body,) = next(one for one in WORKLOADS if one.name == self.of).bodies()
        return body


@dataclass(frozen=True, slots=True)
class CachePartial:
    """Entities of which most are cached, and what is selected of each."""

    name: str
    title: str
    selection: str

    def bodies(self) -> Iterator[str]:
        """Requests for the same trends every time, and some that were never asked for before."""
        kept = list(range(1, ROWS - MISSING + 1))
        for first in range(ROWS, TRENDS - MISSING, MISSING):
            yield self._body([*kept, *range(first, first + MISSING)])

    def _body(self, ids: list[int]) -> str:
        given = [{"__typename": "Trend", "id": str(one)} for one in ids]
        query = (
            "query ($of: [_Any!]!) { _entities(representations: $of) "
            f"{{ ... on Trend {self.selection} }} }}"
        )
        return json.dumps({"query": query, "variables": {"of": given}})

    def row(self, partial: float, uncached: float) -> CacheRow:
        """Requests a second of which most rows are cached, and of which none is."""
        ratio = partial / uncached
        found = f"{partial:,.0f} a second, uncached {uncached:,.0f}: {ratio:.2f} ×"
        promised = f"≥ {PARTIAL_RATIO:g} × uncached"
        return CacheRow(self.name, self.title, found, promised, ratio >= PARTIAL_RATIO, ratio)


_CHEAP = """{ id title summary score
  topic { id title items(first: 10) { edges { node { title source } } } }
}"""
_DEAR = """{ id title summary score topic { id title
  items(first: 10, where: {source: {eq: REDDIT}}, orderBy: [{title: DESC}]) {
    edges { node { title source } }
  }
  trends { aggregate { count min { rank } max { score } } }
} }"""

WORKLOADS_CACHED = (CacheWorkload("W3c", "W3"), CacheWorkload("W4c", "W4"))
PARTIALS = (
    CachePartial("partial", f"{ROWS - MISSING} of {ROWS} entities cached", _DEAR),
    CachePartial("partial-cheap", "the same, of cheap rows", _CHEAP),
)
NAMES = (*(one.name for one in (*WORKLOADS_CACHED, *PARTIALS)), "stampede", "invalidation")
"""Everything that can be chosen."""


@dataclass(frozen=True, slots=True)
class CacheRow:
    """One promise: the figure with its peer, in words, and whether it was kept."""

    name: str
    title: str
    found: str
    promised: str
    met: bool
    value: float


def against_floor(name: str, title: str, ours: float, floor: float) -> CacheRow:
    """Requests a second beside the floor's, whose body is as large."""
    found = f"{ours:,.0f} a second, the floor {floor:,.0f}: {ours / floor:.2f} ×"
    promised = f"≥ {FLOOR_RATIO:g} × floor"
    return CacheRow(name, title, found, promised, ours >= FLOOR_RATIO * floor, ours / floor)


def of_stampede(calls: int) -> CacheRow:
    """How many of all readers asked the source."""
    title = f"{READERS:,} cold misses at once, {GATEWAYS} processes"
    return CacheRow("stampede", title, f"{calls} calls of the source", "1", calls == 1, calls)


def of_invalidation(milliseconds: float, trips: int) -> CacheRow:
    """How long it took, at the median, and how many round trips."""
    title = f"a tag with {TAGGED:,} entries, two nodes"
    found = f"{milliseconds:.1f} ms, {trips} round trips"
    promised = f"< {INVALIDATION_MS:g} ms, O(1)"
    met = milliseconds < INVALIDATION_MS and trips == 1
    return CacheRow("invalidation", title, found, promised, met, milliseconds)
