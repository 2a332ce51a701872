"""Asks in, one SQL statement out: rows by key and pages, with everything nested in them.

The forms are the measured ones: `row_to_json` over a lateral subselect with quoted aliases,
`string_agg` for lists, correlated subselects for relations, keys by `unnest … with ordinality`,
static limits inlined, and a bound one under a static power of two, so that PostgreSQL's generic
plan has an estimate to go by.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql.elements import quoted_name

from gateway.schema import asks
from gateway.schema.orders import cursor_head
from gateway.sources.contract import Prepared
from gateway.sources.postgres.predicates import Predicates, join_condition
from gateway.sources.postgres.scalars import join, opaque, text, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.catalog import Catalog, EntityInfo, Relation
    from gateway.schema.shapes import OrderKey, PageShape

Expression = sa.ColumnElement[Any]

MAX_IDENTIFIER = 63
NUMBER = "~n"
"""The row number within a page, under a name no column has."""
_DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


@dataclass(frozen=True, slots=True, eq=False)
class Statement(Prepared):
    """SQL whose every row is one JSON value in its first column, null where there is none.

    By key its first parameters are one array per key column; the others follow, taken from the
    argument readers' values as `slots` says: (reader, index).
    """

    text: str
    slots: tuple[tuple[int, int], ...]


class Statements:
    """Compiles for one source; holds no state between statements."""

    def __init__(self, source: str, catalog: Catalog) -> None:
        self.source = source
        self.catalog = catalog

    def by_key(self, row: asks.Row, shapes: Mapping[int, PageShape]) -> Statement:
        """Rows of an entity by key: as many rows as keys, in the keys' order."""
        build = _Build(self.catalog, shapes)
        entity = row.entity
        arrays = [
            sa.bindparam(f"k{index}", type_=sa.ARRAY(info.column.type))
            for index, info in enumerate(entity.key)
        ]
        names = [f"k{index}" for index in range(len(arrays))]
        wanted = (
            sa.func.unnest(*arrays)
            .table_valued(*names, with_ordinality="n", name="k")
            .render_derived()
        )
        table = build.alias(entity.table, "t")
        found = build.row(row, table)
        value = (
            sa.select(sa.cast(found.json, sa.Text))
            .select_from(found.source)
            .where(
                *(
                    table.c[info.column.name] == wanted.c[name]
                    for info, name in zip(entity.key, names, strict=True)
                )
            )
            .correlate(wanted)
            .scalar_subquery()
        )
        return build.finish(
            self.source, sa.select(value).select_from(wanted).order_by(wanted.c.n), by_key=True
        )

    def page(self, connection: asks.Connection, shapes: Mapping[int, PageShape]) -> Statement:
        """A connection from the root: one row, the whole connection object."""
        build = _Build(self.catalog, shapes)
        return build.finish(self.source, build.connection(connection, None), by_key=False)


@dataclass(frozen=True, slots=True)
class _Found:
    """The JSON of an object, and the FROM it needs."""

    json: Expression
    source: Any


class _Build:
    """One statement in the making: its aliases and its parameters."""

    def __init__(self, catalog: Catalog, shapes: Mapping[int, PageShape]) -> None:
        self.catalog = catalog
        self.shapes = shapes
        self.count = 0
        self.taken: dict[int, int] = {}
        self.spec = 0
        self.predicates = Predicates(catalog, self.alias, self.bind)

    def finish(self, source: str, select: sa.Select[Any], *, by_key: bool) -> Statement:
        compiled = select.compile(dialect=_DIALECT)
        order = list(compiled.positiontup or ())
        keys = sorted(name for name in order if name.startswith("k"))
        ranked = [*keys, *(name for name in order if name.startswith("p"))]
        place = {str(order.index(name) + 1): str(rank + 1) for rank, name in enumerate(ranked)}
        sql = re.sub(r"\$(\d+)", lambda found: f"${place[found[1]]}", str(compiled))
        return Statement(source, by_key, sql, tuple(_slot(name) for name in ranked[len(keys) :]))

    def alias(self, table: Any, prefix: str) -> Any:
        """The table under a name no other level of the statement has."""
        self.count += 1
        return table.alias(f"{prefix}{self.count}")

    def name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def bind(self, type_: Any) -> Expression:
        index = self.taken.get(self.spec, 0)
        self.taken[self.spec] = index + 1
        return sa.bindparam(f"p{self.spec}_{index}", type_=type_)

    # Objects ---------------------------------------------------------------------------------

    def row(self, row: asks.Row, table: Any) -> _Found:
        """The JSON object of a row of alias `table`."""
        members = [(part.key, self._part(part, row.entity, table)) for part in row.parts]
        return self._object(members, table)

    def _object(self, members: Sequence[tuple[str, Expression]], table: Any) -> _Found:
        if any(len(key) > MAX_IDENTIFIER for key, _ in members):
            return _Found(sa.cast(_spelled(members), JSON), table)
        name = self.name("x")
        columns = [value.label(quoted_name(key, quote=True)) for key, value in members]
        inner = sa.select(*columns).correlate(table).lateral(name)
        whole = sa.func.row_to_json(sa.literal_column(name), type_=JSON)
        return _Found(whole, sa.join(table, inner, sa.true()))

    def _part(self, part: asks.RowPart, entity: EntityInfo, table: Any) -> Expression:
        match part:
            case asks.Constant():
                return text(part.text)
            case asks.Value():
                return write(part.column, table.c[part.column.column.name])
            case asks.NodeId():
                return opaque(entity.name, [table.c[key.column.name] for key in entity.key])
            case asks.Hole():
                return self._hole(part, table)
            case asks.One():
                return self._one(part, entity, table)
            case asks.Many():
                return self._many(part, table)
        raise TypeError(f"not a part of a row: {part!r}")

    def _hole(self, hole: asks.Hole, table: Any) -> Expression:
        keys = [table.c[info.column.name] for info in hole.columns]
        slot: Expression = sa.literal_column(str(hole.slot))
        body = sa.cast(sa.func.json_build_array(slot, *keys), sa.Text)
        tab = sa.literal_column(r"E'\t'", sa.Text)
        value = sa.cast(join(tab, body, tab), JSON)
        if not any(info.column.nullable for info in hole.columns):
            return value
        return sa.case((sa.and_(*(key.is_not(None) for key in keys)), value))

    def _one(self, part: asks.One, entity: EntityInfo, table: Any) -> Expression:
        target = part.row.entity
        far = self.alias(target.table, "t")
        found = self.row(part.row, far)
        return (
            sa.select(found.json)
            .select_from(found.source)
            .where(join_condition(entity.relations[part.relation.name], table, far))
            .limit(sa.literal_column("1"))
            .correlate(table)
            .scalar_subquery()
        )

    def _many(self, part: asks.Many, table: Any) -> Expression:
        select = self.connection(part.connection, (part.relation, table))
        return sa.cast(select.correlate(table).scalar_subquery(), JSON)

    # Connections -----------------------------------------------------------------------------

    def connection(
        self, ask: asks.Connection, parent: tuple[Relation, Any] | None
    ) -> sa.Select[Any]:
        """`select <the connection's JSON text>`, of all rows or of those related to `parent`."""
        return _Page(self, ask, parent).select()


class _Page:
    """One connection in a statement: a page of rows, and what is made of it."""

    def __init__(
        self, build: _Build, ask: asks.Connection, parent: tuple[Relation, Any] | None
    ) -> None:
        self.build = build
        self.ask = ask
        self.parent = parent
        self.shape: PageShape = build.shapes[ask.spec]
        self.entity = ask.entity
        facts = {
            fact.name
            for part in ask.parts
            if isinstance(part, asks.PageFacts)
            for fact in part.parts
            if isinstance(fact, asks.PageFact)
        }
        self.cursors = bool(facts & {"startCursor", "endCursor"})
        self.peeks = ("hasPreviousPage" if self.shape.backward else "hasNextPage") in facts
        self.numbered = self.peeks or self.cursors or self.shape.backward
        self.size: Expression | None = None

    def select(self) -> sa.Select[Any]:
        page = self._rows()
        sources: list[Any] = [page]
        parts = [self._member(part, page, sources) for part in self.ask.parts]
        joined: Any = sources[0]
        for source in sources[1:]:
            joined = sa.join(joined, source, sa.true())
        object_text = join(text("{"), *_commas(parts), text("}"))
        return sa.select(object_text).select_from(joined)

    # The rows

    def _pick(self, rows: Any) -> tuple[list[Any], list[Expression]]:
        """The FROM and the conditions of the whole list, taking its values from the first on."""
        build = self.build
        build.spec = self.ask.spec
        build.taken[build.spec] = 0
        froms: list[Any] = [rows]
        conditions: list[Expression] = []
        if self.parent is not None:
            relation, near = self.parent
            between = None
            if relation.through is not None:
                between = build.alias(relation.through.table, "j")
                froms.append(between)
            conditions.append(join_condition(relation, near, rows, between))
        if self.shape.where is not None:
            conditions.append(build.predicates.where(self.entity, rows, self.shape.where))
        return froms, conditions

    def _rows(self) -> Any:
        """The page as a subquery: the entity's columns, computed order keys, row numbers."""
        build, shape = self.build, self.shape
        rows = build.alias(self.entity.table, "t")
        froms, conditions = self._pick(rows)
        keys = [
            (key, build.predicates.order_expression(self.entity, rows, key)) for key in shape.order
        ]
        for nulls, before in ((shape.after, False), (shape.before, True)):
            if nulls is not None:
                conditions.append(build.predicates.beyond(self.entity, keys, nulls, before=before))
        columns = list(rows.c)
        columns += [value.label(f"~o{i}") for i, (key, value) in enumerate(keys) if key.path]
        select = sa.select(*columns).select_from(*froms).where(*conditions)
        for key, value in keys:
            select = select.order_by(
                build.predicates.order_by(self.entity, key, value, backward=shape.backward)
            )
        more = 1 if self.peeks else 0
        select = select.limit(sa.literal_column(str(shape.bound + more)))
        if self.parent is not None:
            select = select.correlate(self.parent[1])
        if shape.limit is None:
            build.spec = self.ask.spec
            self.size = build.bind(sa.Integer())
            inner = select.subquery(build.name("q"))
            limit = self.size + sa.literal_column("1") if more else self.size
            select = sa.select(*inner.c).limit(limit)
        else:
            self.size = sa.literal_column(str(shape.limit))
        if self.numbered:
            inner = select.subquery(build.name("q"))
            select = sa.select(*inner.c, sa.func.row_number().over().label(NUMBER))
        return select.subquery(build.name("t"))

    # The members

    def _member(self, part: asks.ConnectionPart, page: Any, sources: list[Any]) -> Expression:
        match part:
            case asks.Constant():
                return text(f'"{part.key}":"{part.text}"')
            case asks.Nodes():
                found = self.build.row(part.row, page)
                _extend(sources, found.source, page)
                return self._list(part.key, sa.cast(found.json, sa.Text), page)
            case asks.Edges():
                return self._edges(part, page, sources)
            case asks.PageFacts():
                facts = [self._fact(fact, page) for fact in part.parts]
                return join(text(f'"{part.key}":{{'), *_commas(facts), text("}"))
            case asks.TotalCount():
                return join(text(f'"{part.key}":'), sa.cast(self._total(), sa.Text))
        raise TypeError(f"not a part of a connection: {part!r}")

    def _edges(self, part: asks.Edges, page: Any, sources: list[Any]) -> Expression:
        members: list[Expression] = []
        for member in part.parts:
            if isinstance(member, asks.Constant):
                members.append(text(f'"{member.key}":"{member.text}"'))
            elif isinstance(member, asks.Cursor):
                cursor = self._cursor([self._key(page, i) for i in range(len(self.shape.order))])
                members.append(join(text(f'"{member.key}":"'), cursor, text('"')))
            else:
                found = self.build.row(member.row, page)
                _extend(sources, found.source, page)
                members.append(join(text(f'"{member.key}":'), sa.cast(found.json, sa.Text)))
        return self._list(part.key, join(text("{"), *_commas(members), text("}")), page)

    def _list(self, key: str, item: Expression, page: Any) -> Expression:
        separator: Any = sa.literal_column("','")
        if self.shape.backward:
            separator = aggregate_order_by(separator, page.c[NUMBER].desc())
        elif self.numbered:
            separator = aggregate_order_by(separator, page.c[NUMBER].asc())
        aggregated: Expression = sa.func.string_agg(item, separator)
        if self.peeks:
            aggregated = aggregated.filter(page.c[NUMBER] <= self.size)
        return join(text(f'"{key}":['), sa.func.coalesce(aggregated, text("")), text("]"))

    def _key(self, page: Any, index: int) -> Expression:
        key: OrderKey = self.shape.order[index]
        if key.path:
            return page.c[f"~o{index}"]  # type: ignore[no-any-return]  # page is untyped
        return page.c[self.entity.columns[key.column].column.name]  # type: ignore[no-any-return]  # likewise

    def _cursor(self, keys: Sequence[Expression]) -> Expression:
        return opaque(cursor_head(self.entity, self.shape.order), keys)

    def _fact(self, fact: asks.Constant | asks.PageFact, page: Any) -> Expression:
        if isinstance(fact, asks.Constant):
            return text(f'"{fact.key}":"{fact.text}"')
        label = text(f'"{fact.key}":')
        backward = self.shape.backward
        if fact.name in {"hasNextPage", "hasPreviousPage"}:
            if (fact.name == "hasPreviousPage") == backward:
                return join(label, sa.cast(sa.func.count() > self.size, sa.Text))
            given = self.shape.before if backward else self.shape.after
            return join(label, text("true" if given is not None else "false"))
        shown = sa.func.least(sa.func.count(), self.size)
        at_front = (fact.name == "startCursor") != backward
        place = sa.literal_column("1") if at_front else sa.cast(shown, sa.Integer)
        ends = [
            sa.func.array_agg(
                aggregate_order_by(self._key(page, i), page.c[NUMBER].asc()),
                type_=sa.ARRAY(self._key(page, i).type),
            )[place]
            for i in range(len(self.shape.order))
        ]
        quoted = join(text('"'), self._cursor(ends), text('"'))
        return join(label, sa.case((shown > sa.literal_column("0"), quoted), else_=text("null")))

    def _total(self) -> Expression:
        rows = self.build.alias(self.entity.table, "t")
        taken = dict(self.build.taken)
        froms, conditions = self._pick(rows)
        self.build.taken = taken
        select = sa.select(sa.func.count()).select_from(*froms).where(*conditions)
        if self.parent is not None:
            select = select.correlate(self.parent[1])
        return select.scalar_subquery()


def _slot(name: str) -> tuple[int, int]:
    spec, _, index = name[1:].partition("_")
    return int(spec), int(index)


def _commas(parts: Sequence[Expression]) -> list[Expression]:
    spaced: list[Expression] = []
    for part in parts:
        spaced += [text(","), part] if spaced else [part]
    return spaced


def _extend(sources: list[Any], source: Any, page: Any) -> None:
    """Add to the FROM what an object needs beside the page itself."""
    if source is not page:
        sources.append(source.right)


def _spelled(members: Sequence[tuple[str, Expression]]) -> Expression:
    """An object written out, for keys longer than an SQL identifier may be."""
    parts = [
        join(
            text(f'"{key}":'),
            sa.func.coalesce(sa.cast(sa.func.to_json(value), sa.Text), text("null")),
        )
        for key, value in members
    ]
    return join(text("{"), *_commas(parts), text("}"))
