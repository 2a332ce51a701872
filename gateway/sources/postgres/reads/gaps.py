"""Groups of spans of time in which no row lies, between those in which some do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import INTERVAL

from gateway.schema.columns import kinds as k
from gateway.sources.postgres.reads.scalars import has_a_name, join, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.schema.catalog import Aggregates
    from gateway.schema.lists.shapes import GroupShape
    from gateway.sources.postgres.reads.statements import Build

Expression = sa.ColumnElement[Any]

CROWDED = "crowded "
"""How the text of a cast begins that fails as there would be too many groups."""
_STEPS = {
    "hour": "1 hour",
    "day": "1 day",
    "week": "7 days",
    "month": "1 month",
    "quarter": "3 months",
    "year": "1 year",
}


class Calendar:
    """The spans of one unit on a column's own calendar, or on that of a time zone."""

    def __init__(self, kind: k.Kind, unit: str, zone: Expression) -> None:
        self.kind = kind
        self.unit = unit
        self.zone = zone
        self.absolute = kind is k.MOMENT and unit == "hour"
        """Hours go on through the end of summer time, when the clock does not."""

    def beginning(self, value: Expression) -> Expression:
        """Where the span begins in which a value lies, by a clock that only ever goes on."""
        if self.absolute:
            return sa.func.date_trunc(text(self.unit), value, self.zone)
        local = (
            sa.func.timezone(self.zone, value)
            if self.kind is k.MOMENT
            else sa.cast(value, sa.TIMESTAMP)
        )
        return sa.func.date_trunc(text(self.unit), local)

    def shown(self, beginning: Expression) -> Expression:
        """The same as the key of a group has it."""
        if self.absolute:
            return self.beginning(beginning)
        if self.kind is k.MOMENT:
            return sa.func.timezone(self.zone, beginning)
        return sa.cast(beginning, sa.Date) if self.kind is k.DATE else beginning


def without_gaps(
    build: Build,
    aggregates: Aggregates,
    found: sa.Select[Any],
    shape: GroupShape,
    zone: Expression,
) -> Any:
    """The groups that `found` selects, and where they are asked for those that have no rows.

    Of each span there is one for each combination of what else is in `by`. Takes the ends that are
    given.
    """
    gaps = shape.gaps
    if gaps is None:
        return found
    own = aggregates.keys[gaps.column][0]
    calendar = Calendar(own.kind, dict(shape.truncate)[gaps.column], zone)
    groups = found.cte(build.name("a"))
    key = aggregates.keys[gaps.column][1].column.name
    others = [aggregates.keys[name][1].column.name for name in shape.by if name != gaps.column]
    given = [build.bind(own.column.type) if one else None for one in (gaps.first, gaps.last)]
    named = has_a_name(groups.c[key])
    extremes = sa.func.min(groups.c[key]), sa.func.max(groups.c[key])
    ends = [
        calendar.beginning(extreme.filter(named) if end is None else end)
        for extreme, end in zip(extremes, given, strict=True)
    ]
    if others:
        combined = sa.select(*(groups.c[name] for name in others)).distinct()
    else:
        combined = sa.select(sa.literal_column("1").label("~one"))
    combination = combined.cte(build.name("c"))
    bounds, spans = _spans(build, calendar, ends, combination, gaps.most)
    begins = calendar.shown(spans.c["at"])
    other = groups.alias(build.name("a"))
    there = sa.exists().where(
        other.c[key] == begins,
        *(other.c[name].is_not_distinct_from(combination.c[name]) for name in others),
    )
    counts = {
        measure.result.column.name
        for measure in aggregates.measures.values()
        if measure.function in {"count", "countDistinct"}
    }

    def empty(name: str) -> Expression:
        if name == key:
            return begins
        if name in others:
            return combination.c[name]
        return sa.literal_column("0" if name in counts else "NULL")

    missing = sa.select(*(empty(column.name).label(column.name) for column in groups.c))
    missing = missing.select_from(bounds, combination, spans).where(~there)
    both = sa.union_all(sa.select(*groups.c), missing)
    return both.add_cte(groups, combination, nest_here=True)


def _spans(
    build: Build, calendar: Calendar, ends: Sequence[Expression], combination: Any, most: int
) -> tuple[Any, Any]:
    """The spans between two ends as rows of `at`, behind the rows that they are made of.

    Fails where they, for each combination of other keys, are more than may be.
    """
    number = sa.select(sa.func.count()).select_from(combination).scalar_subquery()
    low, high = ends
    bounds = sa.select(low.label("low"), high.label("high"), number.label("number"))
    found = bounds.subquery(build.name("b"))
    step = sa.cast(text(_STEPS[calendar.unit]), INTERVAL)
    some = sa.func.nullif(found.c.number, sa.literal_column("0"))
    each = sa.literal_column(str(most)).op("/")(some)
    too_late = found.c.low.op("+")(step.op("*")(each))
    crowded = join(text(CROWDED), sa.cast(found.c.number, sa.Text))
    fails = sa.cast(crowded, sa.TIMESTAMP(timezone=calendar.absolute))
    last = sa.case((found.c.high >= too_late, fails), else_=found.c.high)
    series = sa.func.generate_series(found.c.low, last, step)
    return found, series.table_valued("at", name=build.name("s")).render_derived()
