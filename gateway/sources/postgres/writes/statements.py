"""Writes compiled to SQL. Every statement returns the keys of the rows it touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gateway.schema.writes.written import MAX_ROWS, Write
from gateway.sources.postgres.reads.columns import wide
from gateway.sources.postgres.reads.statements import DIALECT, VIEWER, Build, keys_as_rows
from gateway.sources.postgres.writes.insertions import bare, insertion
from gateway.sources.postgres.writes.recordset import recordset, rows_json
from gateway.sources.postgres.writes.updates import PLACE, change, change_each, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gateway.schema.catalog import Catalog, EntityInfo, Relation
    from gateway.schema.writes.written import NewRow
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
        out of what the statement returns, and so are those that the write `skips`. Which ones those
        are it does not tell: only neighbours share a statement then, so that the rest is in order,
        and rows with children have one of their own.
        """
        by_columns: dict[tuple[Any, ...], list[int]] = {}
        run = 0
        for place, row in enumerate(rows):
            columns = tuple(sorted(row.values))
            if write.skips and (row.children or (columns, run) not in by_columns):
                run += 1
            by_columns.setdefault((columns, run), []).append(place)
            run += bool(write.skips and row.children)
        for (columns, _), places in by_columns.items():
            if columns:
                values = [rows[place].values for place in places]
                yield places, self._insert(write, columns, values, viewer)
            else:
                for start in range(0, len(places), _BARE):
                    part = places[start : start + _BARE]
                    yield part, _compile(bare(write.entity, len(part)), {})

    def _insert(
        self,
        write: Write,
        columns: tuple[str, ...],
        values: Sequence[Mapping[str, Any]],
        viewer: tuple[Any, ...],
    ) -> Compiled:
        entity = write.entity
        operators = tuple(write.operators.get(name) for name in columns)
        shape = (
            "insert",
            entity.name,
            columns,
            write.conflict,
            write.skips,
            write.where,
            operators,
        )
        form = self._form(shape, insertion, self.catalog, write, columns)
        return form.filled({"rows": rows_json(values, entity), **_aimed(write), **_viewer(viewer)})

    def hidden(self, write: Write, rows: Sequence[NewRow], viewer: tuple[Any, ...]) -> Compiled:
        """How many rows the entity's rule hides of those that these would be in conflict with."""
        entity = write.entity
        given = recordset([entity.table.c[name] for name in write.conflict])
        return self._hidden(
            entity,
            lambda there: sa.exists().where(*(there.c[n] == given.c[n] for n in write.conflict)),
            {"rows": rows_json([{n: row.values.get(n) for n in write.conflict} for row in rows])},
            viewer,
        )

    def parents(self, rows: Sequence[NewRow]) -> Iterator[tuple[Write, Relation, list[NewRow]]]:
        """What these rows refer to and comes before them: a write for each relation.

        With it the rows that refer, each to the one in its place, by the relation.
        """
        by_relation: dict[str, tuple[Relation, list[NewRow], list[NewRow]]] = {}
        for row in rows:
            for relation, parent in row.parents:
                _, gathered, above = by_relation.setdefault(relation.name, (relation, [], []))
                gathered.append(row)
                above.append(parent)
        for relation, gathered, above in by_relation.values():
            yield Write(self.catalog.entities[relation.target], rows=above), relation, gathered

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
                fill_in(gathered, [(far, near) for near, far in relation.pairs], entity, parents)
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
            *(key == given.c[f"n{index}"] for index, key in enumerate(key_of(near, one))),
            *(key == given.c[f"f{index}"] for index, key in enumerate(key_of(far, other))),
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
        """Set the patch on the rows a write aims at, or on those of them that `keys` names."""
        patch = write.patch or {}
        column, expected = write.version or (None, None)
        given = tuple((name, write.operators.get(name)) for name in patch)
        shape = ("update", write.entity.name, given, column, expected is None, keys is None)
        form = self._form(shape, self._change, write, keys is None)
        values = {"rows": rows_json([patch], write.entity), "plait_version": expected}
        aimed = {**_aimed(write), **_viewer(viewer)} if keys is None else _arrays(keys)
        return form.filled({**values, **aimed})

    def _change(self, write: Write, by_key: bool) -> Any:  # noqa: FBT001 - one of two forms
        if by_key:
            return change(write, *self._aim(write))
        before = write.entity.table.alias("b")
        return change(write, before, [_among(write.entity, before)])

    def update_each(self, writes: Sequence[Write], keys: Sequence[Key]) -> Compiled:
        """Set on each of these rows a patch of its own, all of the same columns."""
        entity, operators = writes[0].entity, writes[0].operators
        given = tuple((name, operators.get(name)) for name in writes[0].patch or ())
        form = self._form(("each", entity.name, given, _counted(writes)), change_each, writes[0])
        rows = [{**(one.patch or {}), PLACE: place} for place, one in enumerate(writes, 1)]
        return form.filled({"rows": rows_json(rows, entity), **_arrays(keys)})

    def lock_each(self, writes: Sequence[Write], viewer: tuple[Any, ...]) -> Compiled:
        """The rows that these writes name by key, in the keys' order, locked.

        Of each the place among the writes, from 1 on, its key, and its version if they have any.
        """
        entity, version = writes[0].entity, _counted(writes)
        form = self._form(("lock each", entity.name, version), self._locking, entity, version)
        return form.filled({**_arrays([one.key or () for one in writes]), **_viewer(viewer)})

    def _locking(self, entity: EntityInfo, version: str | None) -> Any:
        build = Build(self.catalog, {})
        rows = build.alias(entity.table, "t")
        wanted, names = keys_as_rows(entity.key)
        keys = key_of(entity, rows)
        same = [key == wanted.c[name] for key, name in zip(keys, names, strict=True)]
        visible = build.predicates.visible(entity, rows)
        read = [] if version is None else [rows.c[version]]
        statement = sa.select(wanted.c.n, *keys, *read).where(*same, *visible)
        return statement.order_by(*keys, wanted.c.n).with_for_update(of=rows)

    def lock(self, write: Write, viewer: tuple[Any, ...]) -> Compiled:
        """The keys of the rows a write aims at, in order, locked; at most one too many."""
        rows, conditions = self._aim(write)
        keys = key_of(write.entity, rows)
        most: Expression = sa.literal_column(str(MAX_ROWS + 1))
        statement = sa.select(*keys).where(*conditions).order_by(*keys).limit(most)
        statement = statement.with_for_update(of=rows)
        return _compile(statement, {**_aimed(write), **_viewer(viewer)})

    def delete(self, entity: EntityInfo, keys: Sequence[Key]) -> Compiled:
        """Delete rows by key."""
        return _compile(sa.delete(entity.table).where(_among(entity, entity.table)), _arrays(keys))

    def outside(self, entity: EntityInfo, keys: Sequence[Key], viewer: tuple[Any, ...]) -> Compiled:
        """How many of these rows the entity's rule hides from the viewer."""
        return self._hidden(entity, lambda rows: _among(entity, rows), _arrays(keys), viewer)

    def _hidden(
        self,
        entity: EntityInfo,
        among: Callable[[Any], Expression],
        values: Mapping[str, Any],
        viewer: tuple[Any, ...],
    ) -> Compiled:
        build = Build(self.catalog, {})
        rows = build.alias(entity.table, "t")
        hidden = sa.and_(sa.true(), *build.predicates.visible(entity, rows)).is_not(sa.true())
        statement = sa.select(sa.func.count()).select_from(rows).where(among(rows), hidden)
        return _compile(statement, {**values, **_viewer(viewer)})

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


def fill_in(
    rows: Sequence[NewRow],
    pairs: Iterable[tuple[str, str]],
    entity: EntityInfo,
    keys: Sequence[Key],
) -> None:
    """Have rows refer to those of an entity with these keys; `pairs` are (theirs, the key's)."""
    names = [info.column.name for info in entity.key]
    for row, key in zip(rows, keys, strict=True):
        known = dict(zip(names, key, strict=True))
        row.values |= {own: known[name] for own, name in pairs}


def _counted(writes: Sequence[Write]) -> str | None:
    """The column that counts the versions of the rows that these updates of a field change."""
    return None if writes[0].version is None else writes[0].version[0]


def _among(entity: EntityInfo, rows: Any) -> Expression:
    """The rows whose keys are in the arrays `plait_k_0` and so on."""
    arrays = [
        sa.bindparam(f"plait_k_{index}", type_=sa.ARRAY(info.column.type))
        for index, info in enumerate(entity.key)
    ]
    names = [f"k{index}" for index in range(len(arrays))]
    wanted = sa.func.unnest(*arrays).table_valued(*names, name="k").render_derived()
    return sa.tuple_(*key_of(entity, rows)).in_(sa.select(*(wanted.c[name] for name in names)))


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
