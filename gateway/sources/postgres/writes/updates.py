"""Updates in SQL: rows that are found, locked and given other values by one statement."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from gateway.sources.postgres.reads.scalars import text
from gateway.sources.postgres.reads.statements import keys_as_rows
from gateway.sources.postgres.writes.operands import joined, operand
from gateway.sources.postgres.writes.recordset import recordset

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.schema.catalog import EntityInfo
    from gateway.schema.writes.written import Write
    from gateway.sources.contract import Key

Expression = sa.ColumnElement[Any]

PLACE = "~n"
"""The place of a row among those of one statement, from 1 on, under a name no column has."""


def key_of(entity: EntityInfo, rows: Any) -> list[Any]:
    """The key's columns in an alias of the entity's table."""
    return [rows.c[info.column.name] for info in entity.key]


def change(write: Write, before: Any, conditions: Sequence[Expression]) -> Any:
    """Sets a write's patch, a recordset of one row, on the rows of alias `before`.

    A column that counts versions counts this one, whether a trigger does so or not. Behind the
    key of each row stand the names of the columns that have another value than before, whoever
    gave it: the row is read and locked in the same statement.
    """
    operators, rows = write.operators, write.entity.table.alias("t")
    given = recordset([operand(rows.c[name], operators) for name in write.patch or ()])
    changes: dict[Any, Any] = {
        rows.c[name]: joined(
            operators.get(name), rows.c[name], sa.select(given.c[name]).scalar_subquery()
        )
        for name in write.patch or ()
    }
    conditions = [*conditions]
    if write.version is not None and write.version[1] is not None:
        column = before.c[write.version[0]]
        conditions.append(column == sa.bindparam("plait_version", type_=column.type))
    old = sa.select(*before.c).where(*conditions).with_for_update(of=before).subquery("o")
    return _update(write, rows, old, changes)


def change_each(write: Write) -> Any:
    """Sets on each of several rows, named by arrays of keys, a patch like this one of its own.

    The recordset has the places of the keys; that of each row stands behind what `change` returns.
    """
    entity, operators, patch = write.entity, write.operators, [*(write.patch or ())]
    rows, before = entity.table.alias("t"), entity.table.alias("b")
    operands = [operand(rows.c[name], operators) for name in patch]
    given = recordset([*operands, sa.column(PLACE, sa.BigInteger)])
    wanted, names = keys_as_rows(entity.key)
    new = [given.c[name].label(f"~{index}") for index, name in enumerate(patch)]
    old = (
        sa.select(*before.c, *new, given.c[PLACE])
        .where(
            *(
                key == wanted.c[name]
                for key, name in zip(key_of(entity, before), names, strict=True)
            ),
            given.c[PLACE] == wanted.c.n,
        )
        .subquery("o")
    )
    changes = {
        rows.c[name]: joined(operators.get(name), rows.c[name], old.c[label.name])
        for name, label in zip(patch, new, strict=True)
    }
    return _update(write, rows, old, changes).returning(old.c[PLACE])


def _update(write: Write, rows: Any, old: Any, changes: dict[Any, Any]) -> Any:
    if write.version is not None:
        version = rows.c[write.version[0]]
        changes[version] = version + sa.literal_column("1")
    keys = key_of(write.entity, rows)
    same = [key == old.c[key.name] for key in keys]
    statement = sa.update(rows).values(changes).where(*same)
    return statement.returning(*keys, _changed(rows, old))


def _changed(rows: Any, old: Any) -> Expression:
    """The names of the columns with another value than before; as text, which all types have.

    Letter by letter: collations may take different texts for equal.
    """

    def written(column: Expression) -> Expression:
        return sa.collate(sa.cast(column, sa.Text), "C")

    names = [
        sa.case((written(new).is_distinct_from(written(old.c[new.name])), text(new.name)))
        for new in rows.c
    ]
    return sa.func.array_remove(pg.array(names), sa.null(), type_=sa.ARRAY(sa.Text))


def turns(writes: Sequence[Write], found: Iterable[tuple[int, Key]]) -> list[list[tuple[int, Key]]]:
    """What is one statement each: (place among the writes, key) of rows, each row once.

    `found` is in the order of the keys. Those that change the same columns go together. A change
    of what must be unique goes alone, as it may hang on another whether there is room for it.
    """
    if not writes:
        return []
    contended = _contended(writes[0].entity.table)
    times: Counter[Key] = Counter()
    gathered: dict[tuple[Any, ...], list[tuple[int, Key]]] = {}
    for place, key in found:
        write = writes[place]
        given = [(name, write.operators.get(name)) for name in write.patch or ()]
        alone = None if contended.isdisjoint(write.patch or ()) else place
        gathered.setdefault((times[key], alone, *given), []).append((place, key))
        times[key] += 1
    return [part for _, part in sorted(gathered.items(), key=lambda pair: pair[0][0])]


def _contended(table: sa.Table) -> set[str]:
    """Columns in which rows must differ."""
    unique = sa.PrimaryKeyConstraint | sa.UniqueConstraint | pg.ExcludeConstraint
    found: list[Any] = [one for one in table.constraints if isinstance(one, unique)]
    found += [index for index in table.indexes if index.unique]
    return {column.name for one in found for column in one.columns}
