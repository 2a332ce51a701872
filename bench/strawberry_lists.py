"""The peer's lists with conditions and an order, as people write them, and their SQL by hand."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import strawberry

from resolvers.models import ItemSource, TrendCategory

if TYPE_CHECKING:
    from collections.abc import Sequence

strawberry.enum(ItemSource)
strawberry.enum(TrendCategory)


@strawberry.enum
class Direction(Enum):
    """Which end comes first."""

    ASC = "ASC"
    DESC = "DESC"


@strawberry.input
class CategoryWhere:
    """A condition on a category."""

    eq: TrendCategory


@strawberry.input
class FloatWhere:
    """A condition on a number."""

    gt: float | None = None
    lt: float | None = None


@strawberry.input
class SourceWhere:
    """A condition on a source."""

    eq: ItemSource


@strawberry.input
class TrendWhere:
    """Conditions on trends."""

    category: CategoryWhere | None = None
    score: FloatWhere | None = None


@strawberry.input
class ItemWhere:
    """Conditions on items."""

    source: SourceWhere


@strawberry.input(one_of=True)
class TrendOrderBy:
    """What trends are ordered by."""

    score: Direction | None = strawberry.UNSET
    rank: Direction | None = strawberry.UNSET


@strawberry.input(one_of=True)
class ItemOrderBy:
    """What items are ordered by."""

    title: Direction | None = strawberry.UNSET


@strawberry.input
class TopicInsert:
    """A new topic."""

    title: str
    summary: str
    category: TrendCategory


@strawberry.type
class Least:
    """The least values."""

    rank: int | None


@strawberry.type
class Greatest:
    """The greatest values."""

    score: float | None


@strawberry.type
class TrendAggregate:
    """What trends have in common."""

    count: int
    min: Least
    max: Greatest


def trend_conditions(where: TrendWhere | None) -> tuple[str, list[Any]]:
    """The SQL of conditions on trends, and the values of its parameters."""
    conditions: list[str] = []
    values: list[Any] = []

    def add(condition: str, value: Any) -> None:
        values.append(value)
        conditions.append(f"{condition} ${len(values)}")

    if where and where.category:
        add("category =", where.category.eq.value)
    if where and where.score and where.score.gt is not None:
        add("score >", where.score.gt)
    if where and where.score and where.score.lt is not None:
        add("score <", where.score.lt)
    return " AND ".join(conditions) or "true", values


def order(by: Sequence[TrendOrderBy | ItemOrderBy]) -> str:
    """The SQL of an order; the number decides between equals."""
    keys = [
        f"{name} {direction.value}"
        for one in by
        for name, direction in vars(one).items()
        if isinstance(direction, Direction)
    ]
    return ", ".join([*keys, "id ASC"])
