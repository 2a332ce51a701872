"""Asks in, one SQL statement out: rows by key and pages, with everything nested in them.

The forms are the measured ones: `row_to_json` over a lateral subselect with quoted aliases,
`string_agg` for lists, correlated subselects for relations, keys by `unnest … with ordinality`,
static limits inlined, and a bound one under a static power of two, so that PostgreSQL's generic
plan has an estimate to go by.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql.elements import quoted_name

from gateway.schema import asks
from gateway.schema.access.rules import CONSTANT_SPEC, VIEWER_SPEC
from gateway.schema.catalog import Relation
from gateway.schema.columns.plain_keys import is_marked_by_key, key_columns
from gateway.sources.contract import Bound
from gateway.sources.postgres.reads.columns import uncut, wide
from gateway.sources.postgres.reads.compiled import columns_read, renumbered, tables_of
from gateway.sources.postgres.reads.pages import Page
from gateway.sources.postgres.reads.predicates import Predicates, join_condition
from gateway.sources.postgres.reads.scalars import commas, join, opaque, text, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo
    from gateway.schema.lists.shapes import PageShape

Expression = sa.ColumnElement[Any]
_Shapes: TypeAlias = "tuple[tuple[int, PageShape], ...]"

_REMEMBERED = 512
"""Statements of each kind that are remembered."""
_ALIASES = 4_096
"""Tables under other names that are remembered: finding a table's columns is most of the cost."""
MAX_IDENTIFIER = 63
KEY, ARGUMENT, VIEWER = "plait_k_", "plait_p", "plait_v_"
"""How the parameters' names begin; any other is a constant that a rule wrote."""
DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


@dataclass(frozen=True, slots=True, eq=False)
class Statement(Bound):
    """SQL whose every row is one JSON value in its first column, null where there is none.

    By key its first parameters are one array per key column; the others follow as `slots` says.
    `marks` and `exact`: see `Statements.marked`.
    """

    text: str
    marks: tuple[str, ...] = ()
    exact: tuple[tuple[str, frozenset[str] | None], ...] = ()


class Statements:
    """Compiles for one source; remembers the last statements, whichever document asked for them.

    Any thread may compile.
    """

    def __init__(self, source: str, catalog: Catalog) -> None:
        self.source = source
        self.catalog = catalog
        self._made: dict[type, Any] = {
            asks.Row: lru_cache(_REMEMBERED)(self._compile_by_key),
            asks.Connection: lru_cache(_REMEMBERED)(self._compile_page),
            asks.Related: lru_cache(_REMEMBERED)(self._compile_related),
        }

    def of(
        self, ask: asks.Row | asks.Connection | asks.Related, shapes: Mapping[int, PageShape]
    ) -> Statement:
        """As many rows, or connections, as keys and in their order; or one connection without."""
        made: Statement = self._made[type(ask)](ask, tuple(shapes.items()))
        return made

    def marked(
        self, ask: asks.Row | asks.Connection, shapes: Mapping[int, PageShape]
    ) -> Statement | None:
        """The same rows or page, and which rows they show beside those read by key; None: none.

        Behind a row that others refer to stands its key as the member `~n`, where `marks[n]` is its
        entity, and in a row of a list its own; `execution.cache.marks` takes them out. `exact`
        are the tables that are read for such rows, each as often, with the columns by which a list
        finds and orders them, None for a row that is referred to.
        """
        if isinstance(ask, asks.Row) and not any(
            isinstance(part, asks.One | asks.Many) for part in ask.parts
        ):
            return None
        found: Statement = self._made[type(ask)](ask, tuple(shapes.items()), marking=True)
        return found if found.exact else None

    def _compile_by_key(
        self, row: asks.Row, shapes: _Shapes, *, marking: bool = False
    ) -> Statement:
        build = Build(self.catalog, dict(shapes), marking=marking)
        wanted, names = keys_as_rows(row.by or row.entity.key)
        value = build.row_of_key(row, wanted, names)
        return build.finish(
            self.source, sa.select(value).select_from(wanted).order_by(wanted.c.n), by_key=True
        )

    def _compile_related(self, related: asks.Related, shapes: _Shapes) -> Statement:
        build = Build(self.catalog, dict(shapes))
        wanted, (name,) = keys_as_rows((related.column,))
        entity = related.connection.entity
        pairs = ((name, related.column.column.name),)
        relation = Relation(related.column.name, entity.name, many=True, pairs=pairs)
        page = build.connection(related.connection, (relation, wanted))
        value = page.correlate(wanted).scalar_subquery()
        return build.finish(
            self.source, sa.select(value).select_from(wanted).order_by(wanted.c.n), by_key=True
        )

    def _compile_page(
        self, connection: asks.Connection, shapes: _Shapes, *, marking: bool = False
    ) -> Statement:
        build = Build(self.catalog, dict(shapes), marking=marking)
        return build.finish(self.source, build.connection(connection, None), by_key=False)


@dataclass(frozen=True, slots=True)
class Found:
    """The JSON of an object, and the FROM it needs."""

    json: Expression
    source: Any


class Build:
    """One statement in the making: its aliases and its parameters; `marking`: and its marks."""

    def __init__(
        self, catalog: Catalog, shapes: Mapping[int, PageShape], *, marking: bool = False
    ) -> None:
        self.catalog = catalog
        self.marking = marking
        self.marks: list[str] = []
        self.exact: list[tuple[str, frozenset[str] | None]] = []
        self.shapes = shapes
        self.count = 0
        self.taken: dict[int, int] = {}
        self.spec = 0
        self.predicates = Predicates(catalog, self.alias, self.bind)

    def finish(self, source: str, select: sa.Select[Any], *, by_key: bool) -> Statement:
        """The statement, its parameters renumbered: keys first, then the others as they come."""
        compiled = select.compile(dialect=DIALECT)
        order = list(compiled.positiontup or ())
        keys = sorted(name for name in order if name.startswith(KEY))
        others = [name for name in order if not name.startswith(KEY)]
        ranked = [*keys, *others]
        place = {order.index(name) + 1: rank + 1 for rank, name in enumerate(ranked)}
        sql = renumbered(str(compiled), place.__getitem__)
        constants: list[Any] = []
        slots = tuple(_slot(name, compiled.params, constants) for name in others)
        return Statement(
            source,
            by_key,
            sql,
            tuple(self.marks),
            tuple(self.exact),
            slots=slots,
            constants=tuple(constants),
            tables=tables_of(select),
        )

    def alias(self, table: Any, prefix: str) -> Any:
        """The table under a name no other level of the statement has."""
        self.count += 1
        return _alias(table, f"{prefix}{self.count}")

    def name(self, prefix: str) -> str:
        """A name no other level of the statement has."""
        self.count += 1
        return f"{prefix}{self.count}"

    def bind(self, type_: Any) -> Expression:
        """The parameter of the current reader's next value."""
        index = self.taken.get(self.spec, 0)
        self.taken[self.spec] = index + 1
        parameter = sa.bindparam(f"plait_p{self.spec}_{index}", type_=uncut(type_))
        # Sent in double precision, a number equals no number of single precision but round ones.
        single = isinstance(getattr(type_, "item_type", type_), sa.REAL)
        return sa.cast(parameter, type_) if single else parameter

    # Objects ---------------------------------------------------------------------------------

    def row(self, row: asks.Row, table: Any, *, listed: bool = False) -> Found:
        """The JSON object of a row of alias `table`; `listed`: it is one of a list."""
        members: list[tuple[str, Expression]] = []
        entity = row.entity
        for part in row.parts:
            members.append((part.key, self._part(part, entity, table)))
            if self.marking and isinstance(part, asks.One):
                # As the row here has it: the related one may be hidden, or gone.
                target = part.row.entity
                names = key_columns(entity, entity.relations[part.relation.name], target)
                if names is not None:
                    members.append(self._mark(target, names, table))
                    self.exact.append((target.table.fullname, None))
        if members and listed:
            own = [info.column.name for info in row.entity.key]
            members.append(self._mark(row.entity, own, table))
        return self._object(members, table)

    def row_of_key(self, row: asks.Row, wanted: Any, names: Sequence[str]) -> Expression:
        """The text of the row whose key a row of `wanted` holds under these names, or null."""
        entity, key = row.entity, row.by or row.entity.key
        table = self.alias(entity.table, "t")
        found = self.row(row, table)
        conditions = self.predicates.visible(entity, table)
        where: Any = None if row.where is None else self.shapes[row.where]
        if row.where is not None and where is not None:
            self.spec = row.where
            conditions.append(self.predicates.where(entity, table, where))
        own = [table.c[info.column.name] for info in key]
        return (
            sa.select(sa.cast(found.json, sa.Text))
            .select_from(found.source)
            .where(
                *(column == wanted.c[name] for column, name in zip(own, names, strict=True)),
                *conditions,
            )
            .correlate(wanted)
            .scalar_subquery()
        )

    def _mark(self, entity: EntityInfo, names: Sequence[str], table: Any) -> tuple[str, Expression]:
        """The key of a row of the entity, which these columns hold, as a member."""
        keys = [table.c[name] for name in names]
        self.marks.append(entity.name)
        key = keys[0] if len(keys) == 1 else sa.func.json_build_array(*keys)
        return f"~{len(self.marks) - 1}", key

    def lists_rows(self, entity: EntityInfo) -> bool:
        """Whether the statement says which rows of the entity its lists show.

        What a row rule reads, it may have written as text.
        """
        return self.marking and entity.rule is None and is_marked_by_key(entity)

    def note_list(self, froms: Sequence[Any], expressions: Sequence[Any]) -> None:
        """Note that these aliases are read for a list alone, which these expressions make."""
        for rows in froms:
            self.exact.append((rows.element.fullname, columns_read(rows, expressions)))

    def _object(self, members: Sequence[tuple[str, Expression]], table: Any) -> Found:
        if not members or any(len(key) > MAX_IDENTIFIER for key, _ in members):
            return Found(sa.cast(_spelled(members), JSON), table)
        name = self.name("~x")  # no member can have this name, which would hide the row
        columns = [value.label(quoted_name(key, quote=True)) for key, value in members]
        inner = sa.select(*columns).correlate(table).lateral(name)
        whole = sa.func.row_to_json(sa.literal_column(f'"{name}"'), type_=JSON)
        return Found(whole, sa.join(table, inner, sa.true()))

    def _part(self, part: asks.RowPart, entity: EntityInfo, table: Any) -> Expression:
        match part:
            case asks.Constant():
                return sa.cast(text(part.text), sa.Text)
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
            .where(
                join_condition(entity.relations[part.relation.name], table, far),
                *self.predicates.visible(target, far),
            )
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
        return Page(self, ask, parent).select()


def keys_as_rows(key: Sequence[ColumnInfo]) -> tuple[Any, list[str]]:
    """The keys that are asked for, as rows of `n` and these columns, one array parameter each.

    What is beyond the column's type is no row's key, and no error for all. Each array stands in a
    `select` of its own, so that the server does not see how long it is: else it finds a few keys
    worth a plan of their own and plans the statement anew at every execution, which takes longer
    than to read the rows.
    """
    arrays = [
        sa.select(
            sa.bindparam(f"{KEY}{index}", type_=sa.ARRAY(wide(info.column.type)))
        ).scalar_subquery()
        for index, info in enumerate(key)
    ]
    names = [f"k{index}" for index in range(len(arrays))]
    rows = sa.func.unnest(*arrays).table_valued(*names, with_ordinality="n", name="k")
    return rows.render_derived(), names


@lru_cache(_ALIASES)
def _alias(table: Any, name: str) -> Any:
    """The table under another name; its columns are found once for all statements."""
    alias = table.alias(name)
    len(alias.c)
    return alias


def _slot(name: str, params: Mapping[str, Any], constants: list[Any]) -> tuple[int, int]:
    """Where a parameter's value comes from: a reader, the viewer, or a rule's constant."""
    if name.startswith(ARGUMENT):
        spec, _, index = name.removeprefix(ARGUMENT).partition("_")
        return int(spec), int(index)
    if name.startswith(VIEWER):
        return VIEWER_SPEC, int(name.removeprefix(VIEWER))
    constants.append(params[name])
    return CONSTANT_SPEC, len(constants) - 1


def _spelled(members: Sequence[tuple[str, Expression]]) -> Expression:
    """An object written out: one without members, or with a key too long for an SQL identifier."""
    parts = [
        join(
            text(f'"{key}":'),
            sa.func.coalesce(sa.cast(sa.func.to_json(_typed(value)), sa.Text), text("null")),
        )
        for key, value in members
    ]
    return join(text("{"), *commas(parts), text("}"))


def _typed(value: Expression) -> Expression:
    """The value with a type that `to_json` can go by, which a constant of SQL text has not."""
    return sa.cast(value, sa.Text) if getattr(value, "is_literal", False) else value
