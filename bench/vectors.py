"""What is searched for: the vector workloads, in GraphQL and as the bare client asks for it.

Both sides ask the same engine the same questions at the same concurrency. The gateway gives each
hit with its trend and the trend's topic, the client gives ids and scores.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from bench import vectors_data as data
from resolvers.models import TrendCategory

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = 50
SEARCHES = 64
"""How many different searches come in turn; twice as many as are under way at once."""

CONNECTIONS = 32
LAG_LIMIT_MS = 20.0
"""The longest that the gateway's event loop may be blocked."""

_HITS = "{ id score trend { id title category score topic { id title } } }"
_FILTERED = f"""query ($vector: [Float!]!, $category: TrendCategory!, $least: Float!) {{
  searchTrends(
    vector: $vector
    limit: {LIMIT}
    filter: {{category: {{eq: $category}}, score: {{gte: $least}}}}
  ) {_HITS}
}}"""
_UNFILTERED = f"""query ($vector: [Float!]!) {{
  searchTrends(vector: $vector, limit: {LIMIT}) {_HITS}
}}"""


@dataclass(frozen=True, slots=True)
class VectorWorkload:
    """Searches that are loaded from both sides.

    `target`: the gateway's requests a second as a share of the client's; None where nothing was
    promised. `filtered`: among the points of a category over a score, which are indexed, else all.
    """

    name: str
    title: str
    document: str
    target: float | None
    filtered: bool

    def searches(self) -> list[dict[str, Any]]:
        """What the bare client searches for, in turn; the vectors lie near stored points."""
        return [_search(number, filtered=self.filtered) for number in range(SEARCHES)]

    def bodies(self) -> tuple[str, ...]:
        """The same searches as request bodies."""
        return tuple(
            json.dumps({"query": self.document, "variables": _variables(search)})
            for search in self.searches()
        )


WORKLOADS: tuple[VectorWorkload, ...] = (
    VectorWorkload(
        "V1",
        "a category over a score of 100,000 points, the 50 nearest, with trend and topic",
        _FILTERED,
        0.6,
        filtered=True,
    ),
    VectorWorkload(
        "V2",
        "the 50 nearest of 100,000 points, all compared, with trend and topic",
        _UNFILTERED,
        None,
        filtered=False,
    ),
)


@cache
def _search(number: int, *, filtered: bool) -> dict[str, Any]:
    trend = 1 + number * 1_543 % data.POINTS
    # Halfway between two points of one topic: near to what is stored, and nothing stored itself.
    pair = data.vectors(trend, 1)[0] + data.vectors(1 + (trend + 999) % data.POINTS, 1)[0]
    search: dict[str, Any] = {"vector": [round(float(x), 6) for x in pair], "limit": LIMIT}
    if filtered:
        search |= {"category": data.category_of(trend), "least": number * 37 % 600}
    return search


def _variables(search: Mapping[str, Any]) -> dict[str, Any]:
    variables = {"vector": search["vector"]}
    if "category" in search:
        category = TrendCategory(search["category"]).name
        variables |= {"category": category, "least": search["least"]}
    return variables
