"""What is asked: the documents, their rotating variables, and the ratios that are promised.

In a `v` workload consecutive requests differ, so that the requests under way at one moment cannot
share an answer; W2v, W6v and D1v share at most the request that looks several keys up.
"""

# ruff: noqa: RUF001 - ratios are written with a multiplication sign, ranges with a dash

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from resolvers.models import ItemSource, TrendCategory

if TYPE_CHECKING:
    from collections.abc import Mapping

ServerName: TypeAlias = Literal["plait", "strawberry", "floor", "client"]

PLAIT: ServerName = "plait"
STRAWBERRY: ServerName = "strawberry"
FLOOR: ServerName = "floor"
CLIENT: ServerName = "client"
"""The peer of the vector workloads, which are in `bench.vectors`: the vector client alone."""
SERVERS: tuple[ServerName, ...] = (PLAIT, STRAWBERRY, FLOOR)

KEY = "the-key-of-the-bench-alone"
"""The API key that may write; its hash stands in `bench/plait.toml`. The peer asks for none."""

IDS = 500
"""How many trends W2v asks for in turn."""


@dataclass(frozen=True, slots=True)
class Target:
    """Plait shall answer at least `ratio` times as many requests as `peer`."""

    peer: ServerName
    ratio: float


@dataclass(frozen=True, slots=True)
class Workload:
    """One document and the variables it is sent with in turn (an empty tuple: without any).

    `target`: None where nothing was promised. `connections`: requests under way at once. What it
    `writes` is removed after each load; its replies are rows with nothing but consecutive ids.
    `proxies`: it is asked of the servers that have an upstream behind them.
    """

    name: str
    title: str
    document: str
    target: Target | None
    variables: tuple[Mapping[str, Any], ...] = ()
    connections: int = 32
    writes: bool = False
    proxies: bool = False

    @property
    def headers(self) -> Mapping[str, str]:
        """What the requests carry beside a body: who writes says who it is."""
        return {"X-API-Key": KEY} if self.writes else {}

    def bodies(self) -> tuple[str, ...]:
        """The request bodies, in the order in which they are sent, over and over."""
        if not self.variables:
            return (json.dumps({"query": self.document}),)
        return tuple(
            json.dumps({"query": self.document, "variables": variables})
            for variables in self.variables
        )


def _trends(arguments: str) -> str:
    return (
        f"trends(first: {arguments}) {{ edges {{ node {{ "
        "id title summary category state score rank itemCount } } }"
    )


def _nested(outer: str, inner: str) -> str:
    return (
        f"trends(first: {outer}) {{ edges {{ node {{ id title topic {{ id title "
        f"items(first: {inner}) {{ edges {{ node {{ title source }} }} }} }} }} }} }}"
    )


_FILTERED = """query ($category: TrendCategory!, $least: Float!, $first: Int!) {
  trends(
    first: $first
    where: {category: {eq: $category}, score: {gt: $least}}
    orderBy: [{score: DESC}]
  ) {
    totalCount
    edges { node { id title summary category state score rank itemCount } }
    pageInfo { hasNextPage }
  }
}"""

_AGGREGATED = """query ($outer: Int!, $inner: Int!, $source: ItemSource!) {
  trends(first: $outer) { edges { node { id title topic {
    id title
    items(first: $inner, where: {source: {eq: $source}}, orderBy: [{title: DESC}]) {
      edges { node { title source } }
    }
    trends { aggregate { count min { rank } max { score } } }
  } } } }
}"""

_INSERT = "mutation ($inputs: [TopicInsert!]!) { insertTopics(inputs: $inputs) { id } }"

ROWS = 1_000
"""How many rows W7 inserts in one mutation."""


def _new_topics() -> tuple[Mapping[str, Any], ...]:
    rows = [
        {
            "title": f"Topic {number} of the bench",
            "summary": "Written by the bench, and gone after it. " * 2,
            "category": CATEGORIES[number % len(CATEGORIES)],
        }
        for number in range(ROWS)
    ]
    return ({"inputs": rows},)


def _every(step: int, last: int) -> tuple[Mapping[str, Any], ...]:
    return tuple({"id": str(1 + (index * step) % last)} for index in range(IDS))


NONCES = 500
"""How many different lists W5v, W6v and D1v ask for in turn."""


def _members(fields: str) -> str:
    return f"query ($first: Int!) {{ members(first: $first) {{ {fields} }} }}"


_MEMBER = "id name email city joined about"
_OWNED = "{ nodes { id title owner { name email city } } }"
_WRITTEN = "{ nodes { id title article { title slug } } }"

CATEGORIES = [category.name for category in TrendCategory]
SOURCES = [source.name for source in ItemSource]

WORKLOADS: tuple[Workload, ...] = (
    Workload("W1", "{ __typename }", "{ __typename }", Target(FLOOR, 0.6)),
    Workload(
        "W2v",
        "a trend by id, 6 scalars; 500 ids in turn",
        "query ($id: ID!) { trend(id: $id) { id title category state score rank } }",
        Target(STRAWBERRY, 8),
        _every(step=7, last=10_000),
    ),
    Workload(
        "W3",
        "50 trends × 8 scalars",
        f"{{ {_trends('50')} }}",
        Target(STRAWBERRY, 35),
    ),
    Workload(
        "W3v",
        "the same, first 30–69 in turn",
        f"query ($first: Int!) {{ {_trends('$first')} }}",
        Target(STRAWBERRY, 14),
        tuple({"first": first} for first in range(30, 70)),
    ),
    Workload(
        "W4",
        "20 trends → topic → first 10 items",
        f"{{ {_nested('20', '10')} }}",
        Target(STRAWBERRY, 60),
    ),
    Workload(
        "W4v",
        "the same, 15–25 trends, 8–12 items in turn",
        f"query ($outer: Int!, $inner: Int!) {{ {_nested('$outer', '$inner')} }}",
        Target(STRAWBERRY, 16),
        # 11 and 5 share no factor: all 55 pairs come, and neighbours differ in both.
        tuple({"outer": 15 + index % 11, "inner": 8 + index % 5} for index in range(55)),
    ),
    Workload(
        "W3f",
        "filter, order, page, total; all in turn",
        _FILTERED,
        None,
        tuple(
            {
                "category": CATEGORIES[index % len(CATEGORIES)],
                "least": index * 37 % 600,
                "first": 20 + index % 11,
            }
            for index in range(110)
        ),
    ),
    Workload(
        "W4a",
        "nested, filtered, ordered, an aggregate",
        _AGGREGATED,
        None,
        tuple(
            {
                "outer": 15 + index % 11,
                "inner": 8 + index % 5,
                "source": SOURCES[index % len(SOURCES)],
            }
            for index in range(55)
        ),
    ),
    Workload(
        "W5",
        "100 objects × 6 fields of an upstream",
        f"{{ members {{ {_MEMBER} }} }}",
        Target(STRAWBERRY, 25),
        proxies=True,
    ),
    Workload(
        "W5v",
        "the same, 500 lists in turn",
        _members(_MEMBER),
        Target(STRAWBERRY, 12),
        tuple({"first": 1 + index} for index in range(NONCES)),
        proxies=True,
    ),
    Workload(
        "W5t",
        "the same with `__typename` in every object",
        _members(f"__typename {_MEMBER}"),
        Target(STRAWBERRY, 12),
        tuple({"first": 1 + index} for index in range(NONCES)),
        proxies=True,
    ),
    Workload(
        "W6",
        "50 rows, each with its object of an upstream",
        f"{{ trends(first: 50) {_OWNED} }}",
        None,
        proxies=True,
    ),
    Workload(
        "W6v",
        "the same, 500 pages in turn",
        f"query ($after: ID!) {{ trends(first: 50, where: {{id: {{gt: $after}}}}) {_OWNED} }}",
        None,
        tuple({"after": str(index)} for index in range(NONCES)),
        proxies=True,
    ),
    Workload(
        "D1",
        "50 rows, each with its item of Directus",
        f"{{ trends(first: 50) {_WRITTEN} }}",
        None,
        proxies=True,
    ),
    Workload(
        "D1v",
        "the same, 500 pages in turn",
        f"query ($after: ID!) {{ trends(first: 50, where: {{id: {{gt: $after}}}}) {_WRITTEN} }}",
        None,
        tuple({"after": str(index)} for index in range(NONCES)),
        proxies=True,
    ),
    Workload(
        "W7",
        "1,000 rows inserted, ids back; 4 at once",
        _INSERT,
        None,
        _new_topics(),
        connections=4,
        writes=True,
    ),
)

PROXIED_LIMIT_MS = 1.5
"""What a request that goes to an upstream may take longer at the median than one to it directly."""

RSS_LIMIT_MB = 180.0
"""Resident memory the gateway process must stay under, after the load."""
