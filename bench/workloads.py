"""What is asked: the documents, their rotating variables, and the ratios that are promised.

In a `v` workload consecutive requests differ, so that the requests under way at one moment cannot
share an answer; W2v shares at most the statement that looks several keys up.
"""

# ruff: noqa: RUF001 - ratios are written with a multiplication sign, ranges with a dash

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

ServerName: TypeAlias = Literal["plait", "strawberry", "floor"]

PLAIT: ServerName = "plait"
STRAWBERRY: ServerName = "strawberry"
FLOOR: ServerName = "floor"
SERVERS: tuple[ServerName, ...] = (PLAIT, STRAWBERRY, FLOOR)

IDS = 500
"""How many trends W2v asks for in turn."""


@dataclass(frozen=True, slots=True)
class Target:
    """Plait shall answer at least `ratio` times as many requests as `peer`."""

    peer: ServerName
    ratio: float


@dataclass(frozen=True, slots=True)
class Workload:
    """One document and the variables it is sent with in turn (an empty tuple: without any)."""

    name: str
    title: str
    document: str
    target: Target
    variables: tuple[Mapping[str, Any], ...] = ()

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


def _every(step: int, last: int) -> tuple[Mapping[str, Any], ...]:
    return tuple({"id": str(1 + (index * step) % last)} for index in range(IDS))


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
)

RSS_LIMIT_MB = 180.0
"""Resident memory the gateway process must stay under, after the load."""
