"""What a whole list amounts to, in a statement: aggregates, and groups of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA

from gateway.schema import asks
from gateway.schema.columns import kinds as k
from gateway.schema.lists.shapes import columns_of
from gateway.sources.postgres.reads.gaps import without_gaps
from gateway.sources.postgres.reads.scalars import FIRST, commas, has_a_name, join, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from gateway.schema.catalog import Aggregates, EntityInfo, Measure
    from gateway.schema.lists.shapes import GroupShape
    from gateway.sources.postgres.reads.statements import Build

Expression = sa.ColumnElement[Any]


class WholeList:
    """All rows of a connection's list, whatever its page.

    `pick` gives the FROM and the conditions of its rows, whose alias it takes; `parent` is the
    alias of the row they belong to, if any.
    """

    def __init__(
        self,
        build: Build,
        entity: EntityInfo,
        parent: Any,
        pick: Callable[[Any], tuple[list[Any], list[Expression]]],
    ) -> None:
        self.build = build
        self.entity = entity
        self.parent = parent
        self._pick = pick

    @property
    def _aggregates(self) -> Aggregates:
        return self.build.catalog.aggregates[self.entity.name]

    def aggregate(self, ask: asks.Aggregate) -> Expression:
        """The text of the aggregate object."""
        row = self._computed(_measured(ask.parts), {}).subquery(self.build.name("a"))
        value, source = self._object(ask.parts, row)
        return sa.select(value).select_from(source).scalar_subquery()

    def groups(self, ask: asks.Groups) -> Expression:
        """The text of the list of groups."""
        build = self.build
        shape: GroupShape = build.shapes[ask.spec]  # type: ignore[assignment]  # a page's spec has a page's shape
        used = [key.column for key in shape.order if not key.column.startswith("key.")]
        used += columns_of(shape.having)
        build.spec, build.taken[ask.spec] = ask.spec, 0
        zone = build.bind(sa.Text())
        by = {**dict.fromkeys(shape.by), **dict(shape.truncate)}
        found: Any = self._computed((*_measured(ask.parts), *used), by, zone)
        build.spec = ask.spec
        found = without_gaps(build, self._aggregates, found, shape, zone)
        row = found.subquery(build.name("a"))
        group = self._aggregates.group
        select = sa.select(*row.c)
        if shape.having is not None:
            select = select.where(build.predicates.where(group, row, shape.having))
        for key in shape.order:
            value = row.c[group.columns[key.column].column.name]
            select = select.order_by(build.predicates.order_by(group, key, value, backward=False))
        limit = build.bind(sa.Integer()) if shape.limit is None else str(shape.limit)
        select = select.limit(sa.literal_column(limit) if isinstance(limit, str) else limit)
        groups = select.subquery(build.name("g"))
        item, source = self._object(ask.parts, groups)
        listed = sa.func.coalesce(sa.func.string_agg(item, sa.literal_column("','")), text(""))
        whole = join(text("["), listed, text("]"))
        return sa.select(whole).select_from(source).scalar_subquery()

    def _computed(
        self, names: Iterable[str], by: Mapping[str, str | None], zone: Expression | None = None
    ) -> sa.Select[Any]:
        """`select` keys and measures by their names, of all rows or of each group.

        `by` has the keys, with the units of time that they are cut down to.
        """
        rows = self.build.alias(self.entity.table, "t")
        taken = dict(self.build.taken)
        froms, conditions = self._pick(rows)
        self.build.taken = taken
        aggregates = self._aggregates
        columns: list[Expression] = []
        keys: list[Expression] = []
        for name, unit in by.items():
            own, result = aggregates.keys[name]
            key = rows.c[own.column.name]
            keys.append(key if unit is None else truncated(own.kind, key, unit, zone))
            columns.append(keys[-1].label(result.column.name))
        for name in dict.fromkeys(names):
            measure = aggregates.measures[name]
            columns.append(amount(measure, rows).label(measure.result.column.name))
        select = sa.select(*(columns or [sa.func.count().label("~count")]))
        select = select.select_from(*froms).where(*conditions).group_by(*keys)
        return select if self.parent is None else select.correlate(self.parent)

    def _object(self, parts: Any, row: Any) -> tuple[Expression, Any]:
        """The text of an object of a computed row, and the FROM it needs."""
        members: list[Expression] = []
        source = row
        for part in parts:
            if isinstance(part, asks.Constant):
                members.append(text(f'"{part.key}":"{part.text}"'))
                continue
            if isinstance(part, asks.Value):
                value: Expression = row.c[part.column.column.name]
            else:
                found = self.build.row(part.row, row)
                value = found.json
                if found.source is not row:
                    source = sa.join(source, found.source.right, sa.true())
            members.append(join(text(f'"{part.key}":'), sa.cast(value, sa.Text)))
        return join(text("{"), *commas(members), text("}")), source


def _measured(parts: Any) -> Iterator[str]:
    """The names of the measures in what is asked of a computed row."""
    for part in parts:
        if isinstance(part, asks.Value):
            yield part.column.name
        elif isinstance(part, asks.Computed):
            values = (value for value in part.row.parts if isinstance(value, asks.Value))
            yield from (v.column.name for v in values if not v.column.name.startswith("key."))


def truncated(kind: k.Kind, column: Expression, unit: str, zone: Expression | None) -> Expression:
    """The beginning of the unit of time in which a value lies, by the calendar of `zone`.

    A time without a zone, or a date, has a calendar of its own. What no answer can show stays as
    it is: there are such for which the server has no beginning.
    """
    cut: Expression
    if kind is k.MOMENT:
        cut = sa.func.date_trunc(text(unit), column, zone)
    else:
        cut = sa.func.date_trunc(text(unit), sa.cast(column, sa.TIMESTAMP))
    cut = sa.func.greatest(sa.cast(cut, sa.Date) if kind is k.DATE else cut, FIRST)
    return sa.case((has_a_name(column), cut), else_=column)


def amount(measure: Measure, rows: Any) -> Expression:
    """A measure over the rows of an alias."""
    if measure.column is None:
        return sa.func.count()
    info = measure.column
    column: Expression = rows.c[info.column.name]
    if measure.function == "countDistinct":
        return sa.func.count(column.distinct())
    if measure.function in {"sum", "avg"}:
        if info.kind.name == k.FLOAT.name:  # sums of single precision would lose what doubles keep
            column = sa.cast(column, sa.Double)
        result = getattr(sa.func, measure.function)(column)
        return sa.cast(result, measure.result.column.type)
    return _extreme(measure.function, info.kind, column)


def _extreme(function: str, kind: k.Kind, column: Expression) -> Expression:
    """The least or the greatest value; of types that PostgreSQL has no `min` for, by their text."""
    if kind.name == k.BOOLEAN.name:
        return sa.func.bool_and(column) if function == "min" else sa.func.bool_or(column)
    call = sa.func.min if function == "min" else sa.func.max
    if kind.name in {k.UUID.name, k.UUID_ID.name}:
        return sa.cast(call(sa.collate(sa.cast(column, sa.Text), "C")), sa.Uuid)
    if kind.name == k.BYTES.name:
        hexadecimal: Expression = sa.literal_column("'hex'")
        ends = call(sa.collate(sa.func.encode(column, hexadecimal, type_=sa.Text()), "C"))
        return sa.func.decode(ends, hexadecimal, type_=BYTEA())
    return call(column, type_=column.type)
