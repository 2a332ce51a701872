"""Writes compiled to SQL. Every statement returns the keys of the rows it touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from gateway.schema.rules import condition
from gateway.schema.writes import MAX_ROWS, Write
from gateway.sources.postgres.columns import wide
from gateway.sources.postgres.operands import joined, operand
from gateway.sources.postgres.recordset import recordset, rows_json
from gateway.sources.postgres.scalars import text
from gateway.sources.postgres.statements import DIALECT, VIEWER, Build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gateway.schema.catalog import Catalog, EntityInfo, Relation
    from gateway.schema.writes import NewRow
    from gateway.sources.contract import Key

Expression = sa.ColumnElement[Any]

_BARE = 100
"""Rows of nothing but defaults that one statement inserts."""
_FORMS = 500
"""Statements remembered: the sets of columns that may be written have no end."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL text and the values of its parameters."""

    text: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """Children to insert after their parents; `links` makes the rows of a table between."""

    write: Write
    links: Callable[[Sequence[Key]], Compiled] | None


@dataclass(frozen=True, slots=True)
class _Form:
    """A compiled statement: its text, its parameters' names, and the values a rule itself wrote."""

    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    def filled(self, values: Mapping[str, Any]) -> Compiled:
        """The statement with these values."""
        known = {**self.constants, **values}
        return Compiled(self.text, tuple([known[name] for name in self.names]))


class Writes:
    """Compiles writes for one catalog; remembers those whose text hangs on few things."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._forms: dict[tuple[Any, ...], _Form] = {}

    def _form(self, shape: tuple[Any, ...], make: Callable[..., Any], *about: Any) -> _Form:
        """What `make(*about)` compiles to, remembered by its shape."""
        form = self._forms.get(shape)
        if form is None:
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            form = self._forms[shape] = _form(make(*about))
        return form

    def inserts(
        self,
        write: Write,
        rows: Sequence[NewRow],
        viewer: tuple[Any, ...],
    ) -> Iterator[tuple[list[int], Compiled]]:
        """A statement for each set of columns, with the places of its rows.

        Rows that are in conflict are updated, unless the entity's rule hides them: those are left
        out of what the statement returns, and so are all that are there where the write ignores
        them. Which ones those are it does not tell: only neighbours share a statement then, so that
        the rest is in order, and rows with children have one of their own.
        """
        by_columns: dict[tuple[Any, ...], list[int]] = {}
        run = 0
        for place, row in enumerate(rows):
            columns = tuple(sorted(row.values))
            if write.ignore and (row.children or (columns, run) not in by_columns):
                run += 1
            by_columns.setdefault((columns, run), []).append(place)
            run += bool(write.ignore and row.children)
        for (columns, _), places in by_columns.items():
            if columns:
                values = [rows[place].values for place in places]
                yield places, self._insert(write, columns, values, viewer)
            else:
                for start in range(0, len(places), _BARE):
                    part = places[start : start + _BARE]
                    yield part, _bare(write.entity, len(part))

    def _insert(
        self,
        write: Write,
        columns: tuple[str, ...],
        values: Sequence[Mapping[str, Any]],
        viewer: tuple[Any, ...],
    ) -> Compiled:
        entity = write.entity
        operators = tuple(write.operators.get(name) for name in columns)
        shape = ("insert", entity.name, columns, write.conflict, write.ignore, operators)
        form = self._form(shape, _insertion, write, columns)
        return form.filled({"rows": rows_json(values, entity), **_viewer(viewer)})

    def children(
        self, entity: EntityInfo, rows: Sequence[NewRow], keys: Mapping[int, Key]
    ) -> Iterator[Nested]:
        """The children of rows with keys, which are filled in: a write for each relation."""
        by_relation: dict[str, tuple[Relation, list[NewRow], list[Key]]] = {}
        for place in sorted(keys):
            for relation, nested in rows[place].children:
                _, gathered, parents = by_relation.setdefault(relation.name, (relation, [], []))
                gathered += nested
                parents += [keys[place]] * len(nested)
        for relation, gathered, parents in by_relation.values():
            target = self.catalog.entities[relation.target]
            links = None
            if relation.through is None:
                _fill_in(entity, relation, gathered, parents)
            else:
                links = self._links(entity, target, relation, parents)
            yield Nested(Write(target, rows=gathered), links)

    def _links(
        self, near: EntityInfo, far: EntityInfo, relation: Relation, parents: Sequence[Key]
    ) -> Callable[[Sequence[Key]], Compiled]:
        through = relation.through
        if through is None:
            raise TypeError("a direct relation has no links")
        one, other = near.table.alias("n"), far.table.alias("f")
        given = recordset(
            [
                sa.column(f"{side}{index}", info.column.type)
                for side, entity in (("n", near), ("f", far))
                for index, info in enumerate(entity.key)
            ]
        )
        pairs = sa.select(
            *(one.c[column] for _, column in through.near),
            *(other.c[column] for _, column in through.far),
        ).where(
            *(key == given.c[f"n{index}"] for index, key in enumerate(_keys(near, one))),
            *(key == given.c[f"f{index}"] for index, key in enumerate(_keys(far, other))),
        )
        insert = sa.insert(through.table).from_select(
            [own for own, _ in (*through.near, *through.far)], pairs, include_defaults=False
        )

        def compile_links(children: Sequence[Key]) -> Compiled:
            values = [
                {f"n{index}": part for index, part in enumerate(parent)}
                | {f"f{index}": part for index, part in enumerate(child)}
                for parent, child in zip(parents, children, strict=True)
            ]
            return _compile(insert, {"rows": rows_json(values)})

        return compile_links

    def update(
        self, write: Write, viewer: tuple[Any, ...], keys: Sequence[Key] | None = None
    ) -> Compiled:
        """Set the patch on the rows a write aims at, or on those of them that `keys` names.

        A column that counts versions counts this one, whether a trigger does so or not. Behind the
        key of each row stand the names of the columns that have another value than before, whoever
        gave it: the row is read and locked in the same statement.
        """
        patch = write.patch or {}
        column, expected = write.version or (None, None)
        given = tuple((name, write.operators.get(name)) for name in patch)
        shape = ("update", write.entity.name, given, column, expected is None, keys is None)
        form = self._form(shape, self._change, write, keys is None)
        values = {"rows": rows_json([patch], write.entity), "plait_version": expected}
        aimed = {**_aimed(write), **_viewer(viewer)} if keys is None else _arrays(keys)
        return form.filled({**values, **aimed})

    def _change(self, write: Write, by_key: bool) -> Any:  # noqa: FBT001 - one of two forms
        table = write.entity.table
        if by_key:
            before, conditions = self._aim(write)
        else:
            before = table.alias("b")
            conditions = [_among(write.entity, before)]
        rows: Any = table.alias("t")
        operators = write.operators
        given = recordset([operand(rows.c[name], operators) for name in write.patch or ()])
        changes: dict[Any, Any] = {
            rows.c[name]: joined(
                operators.get(name), rows.c[name], sa.select(given.c[name]).scalar_subquery()
            )
            for name in write.patch or ()
        }
        if write.version is not None:
            column, expected = write.version
            changes.setdefault(rows.c[column], rows.c[column] + sa.literal_column("1"))
            if expected is not None:
                wanted = sa.bindparam("plait_version", type_=rows.c[column].type)
                conditions.append(before.c[column] == wanted)
        old = sa.select(*before.c).where(*conditions).with_for_update(of=before).subquery("o")
        same = [rows.c[info.column.name] == old.c[info.column.name] for info in write.entity.key]
        statement = sa.update(rows).values(changes).where(*same)
        return statement.returning(*_keys(write.entity, rows), _changed(rows, old))

    def lock(self, write: Write, viewer: tuple[Any, ...]) -> Compiled:
        """The keys of the rows a write aims at, in order, locked; at most one too many."""
        rows, conditions = self._aim(write)
        keys = _keys(write.entity, rows)
        most: Expression = sa.literal_column(str(MAX_ROWS + 1))
        statement = sa.select(*keys).where(*conditions).order_by(*keys).limit(most)
        statement = statement.with_for_update(of=rows)
        return _compile(statement, {**_aimed(write), **_viewer(viewer)})

    def delete(self, entity: EntityInfo, keys: Sequence[Key]) -> Compiled:
        """Delete rows by key."""
        return _compile(sa.delete(entity.table).where(_among(entity, entity.table)), _arrays(keys))

    def outside(self, entity: EntityInfo, keys: Sequence[Key], viewer: tuple[Any, ...]) -> Compiled:
        """How many of these rows the entity's rule hides from the viewer."""
        build = Build(self.catalog, {})
        rows = build.alias(entity.table, "t")
        hidden = sa.and_(sa.true(), *build.predicates.visible(entity, rows)).is_not(sa.true())
        statement = sa.select(sa.func.count()).select_from(rows)
        return _compile(
            statement.where(_among(entity, rows), hidden), {**_arrays(keys), **_viewer(viewer)}
        )

    def _aim(self, write: Write) -> tuple[Any, list[Expression]]:
        """The rows a write is about: an alias of the table, and conditions on it."""
        build = Build(self.catalog, {})
        entity = write.entity
        rows = build.alias(entity.table, "t")
        conditions = build.predicates.visible(entity, rows)
        if write.key is not None:
            conditions += [
                rows.c[info.column.name]
                == sa.bindparam(f"plait_k_{index}", type_=wide(info.column.type))
                for index, info in enumerate(entity.key)
            ]
        elif write.where is not None:
            conditions.append(build.predicates.where(entity, rows, write.where))
        else:
            raise TypeError("a write that aims at nothing must not touch everything")
        return rows, conditions


def _changed(rows: Any, old: Any) -> Expression:
    """The names of the columns with another value than before; as text, which all types have.

    Letter by letter: collations may take different texts for equal.
    """

    def written(column: Expression) -> Expression:
        return sa.collate(sa.cast(column, sa.Text), "C")

    names = [
        sa.case((written(new).is_distinct_from(written(before)), text(new.name)))
        for new, before in zip(rows.c, old.c, strict=True)
    ]
    return sa.func.array_remove(pg.array(names), sa.null(), type_=sa.ARRAY(sa.Text))


def _keys(entity: EntityInfo, rows: Any) -> list[Any]:
    return [rows.c[info.column.name] for info in entity.key]


def _place(entity: EntityInfo, column: str) -> int:
    """Where a column stands in the entity's key."""
    return [info.column.name for info in entity.key].index(column)


def _insertion(write: Write, columns: tuple[str, ...]) -> Any:
    """Inserts the rows of one JSON parameter, all of these columns."""
    entity, conflict, table = write.entity, write.conflict, write.entity.table
    given = recordset([table.c[name] for name in columns])
    insert = pg.insert(table).from_select(
        list(columns), sa.select(*(given.c[name] for name in columns)), include_defaults=False
    )
    unique = [table.c[name] for name in conflict]
    if write.ignore:
        insert = insert.on_conflict_do_nothing(index_elements=unique)
    elif conflict:
        met = _Named(table)
        changed = [name for name in columns if name not in conflict] or [conflict[0]]
        insert = insert.on_conflict_do_update(
            index_elements=unique,
            set_={
                name: joined(write.operators.get(name), met[name], insert.excluded[name])
                for name in changed
            },
            where=None if entity.rule is None else condition(entity.rule, met),
        )
    return insert.returning(*_keys(entity, table))


class _Named:
    """The columns of the row that an insert met, spelled out.

    SQLAlchemy ties no subselect to the table of an INSERT; a name says what it means.
    """

    def __init__(self, table: sa.Table) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Expression:
        column = self._table.c[name]
        quote = DIALECT.identifier_preparer.quote
        return sa.literal_column(f"{quote(self._table.name)}.{quote(column.name)}", column.type)

    __getitem__ = __getattr__


def _bare(entity: EntityInfo, count: int) -> Compiled:
    """Inserts rows of nothing but defaults."""
    table = entity.table
    default: dict[Any, Any] = {entity.key[0].column: sa.literal_column("DEFAULT")}
    statement = sa.insert(table).values([default] * count).returning(*_keys(entity, table))
    return _compile(statement, {})


def _fill_in(
    entity: EntityInfo, relation: Relation, rows: Sequence[NewRow], parents: Sequence[Key]
) -> None:
    for row, parent in zip(rows, parents, strict=True):
        for local, remote in relation.pairs:
            row.values[remote] = parent[_place(entity, local)]


def _among(entity: EntityInfo, rows: Any) -> Expression:
    """The rows whose keys are in the arrays `plait_k_0` and so on."""
    arrays = [
        sa.bindparam(f"plait_k_{index}", type_=sa.ARRAY(info.column.type))
        for index, info in enumerate(entity.key)
    ]
    names = [f"k{index}" for index in range(len(arrays))]
    wanted = sa.func.unnest(*arrays).table_valued(*names, name="k").render_derived()
    return sa.tuple_(*_keys(entity, rows)).in_(sa.select(*(wanted.c[name] for name in names)))


def _arrays(keys: Sequence[Key]) -> dict[str, Any]:
    return {f"plait_k_{index}": column for index, column in enumerate(zip(*keys, strict=True))}


def _aimed(write: Write) -> dict[str, Any]:
    """The values of the parameters `_aim` makes."""
    if write.key is not None:
        return {f"plait_k_{index}": value for index, value in enumerate(write.key)}
    return {f"plait_p0_{index}": value for index, value in enumerate(write.values)}


def _viewer(viewer: tuple[Any, ...]) -> dict[str, Any]:
    return {f"{VIEWER}{index}": value for index, value in enumerate(viewer)}


def _form(statement: Any) -> _Form:
    compiled = statement.compile(dialect=DIALECT)
    return _Form(str(compiled), tuple(compiled.positiontup or ()), compiled.params)


def _compile(statement: Any, values: Mapping[str, Any]) -> Compiled:
    return _form(statement).filled(values)
