"""A connection in a statement: a page of rows, and the connection object made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on

from gateway.schema import asks
from gateway.schema.lists.fulltext import RANK
from gateway.schema.lists.orders import cursor_head, led_by
from gateway.sources.postgres.reads import fulltext
from gateway.sources.postgres.reads.aggregates import WholeList
from gateway.sources.postgres.reads.columns import columns_of, wide
from gateway.sources.postgres.reads.predicates import join_condition
from gateway.sources.postgres.reads.scalars import commas, join, opaque, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.schema.catalog import Relation
    from gateway.schema.lists.shapes import OrderKey, PageShape
    from gateway.sources.postgres.reads.statements import Build

Expression = sa.ColumnElement[Any]

NUMBER = "~n"
"""The row number within a page, under a name no column has."""


class Page:
    """One connection in a statement: a page of rows, and what is made of it."""

    def __init__(
        self, build: Build, ask: asks.Connection, parent: tuple[Relation, Any] | None
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
            if isinstance(fact, asks.Fact)
        }
        self.cursors = bool(facts & {"startCursor", "endCursor"})
        self.peeks = ("hasPreviousPage" if self.shape.backward else "hasNextPage") in facts
        self.numbered = self.peeks or self.cursors or self.shape.backward
        self.noted = build.lists_rows(self.entity) and not self.shape.search
        self.size: Expression | None = None
        self.asked: Expression | None = None
        self.read = False
        self.within: list[Any] = []
        self.made_of: tuple[list[Any], list[Expression]] = [], []

    def select(self) -> sa.Select[Any]:
        """`select <the connection's JSON text>`."""
        page = self._rows()
        sources: list[Any] = [page]
        parts = [self._member(part, page, sources) for part in self.ask.parts]
        joined: Any = sources[0]
        for source in sources[1:]:
            joined = sa.join(joined, source, sa.true())
        object_text = join(text("{"), *commas(parts), text("}"))
        if self.noted and self.read:
            self.build.note_list(*self.made_of)
        # Only an aggregate makes one row of a page; where none is asked for, the page is not read.
        return sa.select(object_text).select_from(joined) if self.read else sa.select(object_text)

    # The rows

    def _pick(self, rows: Any) -> tuple[list[Any], list[Expression]]:
        """The FROM and the conditions of the whole list."""
        if not self.shape.distinct:
            return self._like(rows)
        first = self.build.alias(self.entity.table, "t")
        self.within, conditions = self._like(first)
        keys = self._keys(first, led_by(self.shape.distinct, self.shape.order))
        names = [info.column.name for info in self.entity.key]
        select = (
            sa.select(*(first.c[name] for name in names))
            .ext(distinct_on(*(value for _, value in keys[: len(self.shape.distinct)])))
            .select_from(*self.within)
            .where(*conditions)
            .order_by(*self._ordered(keys, backward=False))
        )
        if self.parent is not None:
            select = select.correlate(self.parent[1])
        own = [rows.c[name] for name in names]
        return [rows], [(own[0] if len(own) == 1 else sa.tuple_(*own)).in_(select)]

    def _like(self, rows: Any) -> tuple[list[Any], list[Expression]]:
        """The FROM and the conditions of the rows that the arguments let through.

        Takes the arguments' values from the first on.
        """
        build = self.build
        build.spec = self.ask.spec
        build.taken[build.spec] = 0
        froms: list[Any] = [rows]
        conditions = build.predicates.visible(self.entity, rows)
        if self.parent is not None:
            relation, near = self.parent
            between = None
            if relation.through is not None:
                between = build.alias(relation.through.table, "j")
                froms.append(between)
            conditions.append(join_condition(relation, near, rows, between))
        if self.shape.where is not None:
            conditions.append(build.predicates.where(self.entity, rows, self.shape.where))
        if self.shape.search and self.entity.text is not None:
            self.asked = fulltext.query(self.entity.text, build.bind(sa.Text()))
            conditions.append(fulltext.matches(self.entity.text, rows, self.asked))
        if self.shape.near:
            (key,) = (rows.c[info.column.name] for info in self.entity.key)
            conditions.append(key == sa.any_(build.bind(sa.ARRAY(wide(key.type)))))
        return froms, conditions

    def _keys(self, rows: Any, order: Sequence[OrderKey]) -> list[tuple[OrderKey, Expression]]:
        """The keys of an order with their values on the rows of an alias."""
        return [(key, self._order_value(rows, key)) for key in order]

    def _order_value(self, rows: Any, key: OrderKey) -> Expression:
        if key.column == RANK.name and self.entity.text is not None and self.asked is not None:
            return fulltext.rank(self.entity.text, rows, self.asked)
        return self.build.predicates.order_expression(self.entity, rows, key)

    def _ordered(
        self, keys: Sequence[tuple[OrderKey, Expression]], *, backward: bool
    ) -> list[Expression]:
        """The members of an ORDER BY."""
        order_by = self.build.predicates.order_by
        return [order_by(self.entity, key, value, backward=backward) for key, value in keys]

    def _rows(self) -> Any:
        """The page as a subquery: the columns read, computed order keys, row numbers."""
        build, shape = self.build, self.shape
        rows = build.alias(self.entity.table, "t")
        froms, conditions = self._pick(rows)
        keys = self._keys(rows, shape.order)
        for nulls, before in ((shape.after, False), (shape.before, True)):
            if nulls is not None:
                conditions.append(build.predicates.beyond(self.entity, keys, nulls, before=before))
        self.made_of = [*froms, *self.within], [*conditions, *(value for _, value in keys)]
        read = columns_of(self.ask, shape, keyed=self.noted)
        columns = [column for column in rows.c if column.name in read]
        columns += [value.label(f"~o{i}") for i, (key, value) in enumerate(keys) if key.path]
        if self.asked is not None and self.entity.text is not None:
            columns.append(fulltext.rank(self.entity.text, rows, self.asked).label(RANK.name))
        select = sa.select(*columns).select_from(*froms).where(*conditions)
        select = select.order_by(*self._ordered(keys, backward=shape.backward))
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

    def _member(  # noqa: PLR0911 - one return per sort of part
        self, part: asks.ConnectionPart, page: Any, sources: list[Any]
    ) -> Expression:
        match part:
            case asks.Constant():
                return text(f'"{part.key}":"{part.text}"')
            case asks.Nodes():
                found = self.build.row(part.row, page, listed=self.noted)
                _extend(sources, found.source, page)
                return self._list(part.key, sa.cast(found.json, sa.Text), page)
            case asks.Edges():
                return self._edges(part, page, sources)
            case asks.PageFacts():
                facts = [self._fact(fact, page) for fact in part.parts]
                return join(text(f'"{part.key}":{{'), *commas(facts), text("}"))
            case asks.Fact():
                return join(text(f'"{part.key}":'), sa.cast(self._total(), sa.Text))
            case asks.Aggregate():
                return join(text(f'"{part.key}":'), self._whole().aggregate(part))
            case asks.Groups():
                return join(text(f'"{part.key}":'), self._whole().groups(part))
        raise TypeError(f"not a part of a connection: {part!r}")

    def _edges(self, part: asks.Edges, page: Any, sources: list[Any]) -> Expression:
        members: list[Expression] = []
        for member in part.parts:
            if isinstance(member, asks.Constant):
                members.append(text(f'"{member.key}":"{member.text}"'))
            elif isinstance(member, asks.EdgeNode):
                found = self.build.row(member.row, page, listed=self.noted)
                _extend(sources, found.source, page)
                members.append(join(text(f'"{member.key}":'), sa.cast(found.json, sa.Text)))
            elif member.name == "cursor":
                cursor = self._cursor([self._key(page, i) for i in range(len(self.shape.order))])
                members.append(join(text(f'"{member.key}":"'), cursor, text('"')))
            else:
                members.append(join(text(f'"{member.key}":'), self._found(member.name, page)))
        return self._list(part.key, join(text("{"), *commas(members), text("}")), page)

    def _found(self, name: str, page: Any) -> Expression:
        """Rank or headline as JSON text."""
        if self.asked is None or self.entity.text is None:
            return text("null")
        if name == "rank":
            return sa.cast(sa.cast(page.c[RANK.name], sa.REAL), sa.Text)
        return fulltext.headline(self.entity.text, page, self.asked)

    def _list(self, key: str, item: Expression, page: Any) -> Expression:
        self.read = True
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
        if key.column == RANK.name:
            return page.c[RANK.name]  # type: ignore[no-any-return]  # likewise
        return page.c[self.entity.columns[key.column].column.name]  # type: ignore[no-any-return]  # likewise

    def _cursor(self, keys: Sequence[Expression]) -> Expression:
        return opaque(cursor_head(self.entity, self.shape.order), keys)

    def _fact(self, fact: asks.Constant | asks.Fact, page: Any) -> Expression:
        if isinstance(fact, asks.Constant):
            return text(f'"{fact.key}":"{fact.text}"')
        label = text(f'"{fact.key}":')
        backward = self.shape.backward
        if fact.name == ("hasNextPage" if backward else "hasPreviousPage"):
            given = self.shape.before if backward else self.shape.after
            return join(label, text("true" if given is not None else "false"))
        self.read = True
        if fact.name in {"hasNextPage", "hasPreviousPage"}:
            return join(label, sa.cast(sa.func.count() > self.size, sa.Text))
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

    def _whole(self) -> WholeList:
        near = self.parent[1] if self.parent else None
        return WholeList(self.build, self.entity, near, self._pick)

    def _total(self) -> Expression:
        rows = self.build.alias(self.entity.table, "t")
        taken = dict(self.build.taken)
        froms, conditions = self._like(rows)
        self.build.taken = taken
        columns = [rows.c[self.entity.columns[name].column.name] for name in self.shape.distinct]
        select = sa.select(*(columns or [sa.func.count()])).select_from(*froms).where(*conditions)
        if self.noted:
            self.build.note_list(froms, [*conditions, *columns])
        if self.parent is not None:
            select = select.correlate(self.parent[1])
        if columns:
            different = select.distinct().subquery(self.build.name("d"))
            select = sa.select(sa.func.count()).select_from(different)
        return select.scalar_subquery()


def _extend(sources: list[Any], source: Any, page: Any) -> None:
    """Add to the FROM what an object needs beside the page itself."""
    if source is not page:
        sources.append(source.right)
