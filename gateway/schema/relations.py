"""Which columns join two entities, from a binding and the tables' foreign keys."""

from __future__ import annotations

import typing
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import Column, PrimaryKeyConstraint, UniqueConstraint

from gateway.errors import ConfigurationError
from gateway.schema.bindings import BelongsTo, ByColumns, HasMany, ManyThrough
from gateway.schema.catalog import ColumnInfo, Relation, Through
from gateway.schema.columns.deduced import key_kind
from gateway.schema.definitions import type_name
from gateway.schema.entity import EntityOptions
from gateway.schema.lists.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import sqlalchemy as sa

    from gateway.schema.places import Placed


def relation_of(
    name: str,
    placed: Placed,
    binding: ByColumns | ManyThrough,
    near: EntityOptions,
    entities: Sequence[type],
) -> Relation:
    """The relation that a field of the entity `near` declares; `entities` are the domain's.

    Raises ConfigurationError where columns are unknown or do not pair up.
    """
    many = isinstance(binding, HasMany | ManyThrough)
    target, far = _target(placed, entities, many=many)
    if near.source != far.source:
        raise placed.wrong(
            f"{target} lives in source {far.source!r}, this entity in {near.source!r}; "
            "a SQL relation joins tables of one source."
        )
    if isinstance(binding, ManyThrough):
        return Relation(name, target, many, through=_through(binding, near, far, placed.where))
    refers = isinstance(binding, BelongsTo)
    local = binding.columns if refers else binding.references or near.key
    remote = binding.references or far.key if refers else binding.columns
    if len(local) != len(remote):
        raise placed.wrong(
            f"columns {', '.join(local) or 'none'} cannot equal {', '.join(remote) or 'none'}; "
            "name as many of one side as there are of the other."
        )
    _known(near.table, local, placed.where)
    _known(far.table, remote, placed.where)
    pairs = tuple(zip(local, remote, strict=True))
    return Relation(name, target, many, pairs=pairs, refers=refers)


def _target(placed: Placed, entities: Sequence[type], *, many: bool) -> tuple[str, EntityOptions]:
    """The type that a relation is annotated with, and what its entity was given."""
    connection = typing.get_origin(placed.inner) is Connection
    cls = typing.get_args(placed.inner)[0] if connection else placed.inner
    far: EntityOptions | None = getattr(cls, "__plait_entity__", None)
    right = "`Connection[Entity]`" if many else "`Entity | None`"
    if far is None:
        raise placed.wrong(f"{placed.inner!r} is not an entity; annotate it {right}.")
    if cls not in entities:
        raise placed.wrong(f"{cls.__name__} is not among the domain's entities; add it there.")
    if connection != many or not (many or placed.nullable):
        raise placed.wrong(f"annotate this relation as {right}.")
    return type_name(cls), far


@cache
def joining_column(table: sa.Table, name: str, where: str) -> ColumnInfo:
    """A column that another source's objects are joined by, whether the entity shows it or not.

    The same object whenever it is asked for, so that equal asks are equal. Raises
    ConfigurationError where there is none of that name.
    """
    _known(table, (name,), where)
    column = table.c[name]
    return ColumnInfo(name, column, key_kind(column, where), bool(column.nullable))


def other_key(
    where: str, table: sa.Table, shown: Mapping[str, ColumnInfo], names: tuple[str, ...]
) -> tuple[ColumnInfo, ...]:
    """Columns that identify a row beside the key. Raises ConfigurationError where they do not.

    `shown`: the entity's columns by their names in the table.
    """
    told = ", ".join(names)
    missing = [name for name in names if name not in shown]
    if missing:
        raise ConfigurationError(f"{where}: key column {missing[0]!r} has no field.")
    if set(names) not in list(unique_sets(table)):
        raise ConfigurationError(
            f"{where}: table {table.name} has no unique constraint over {told}; a key of "
            "`other_keys` finds one row at most."
        )
    return tuple(shown[name] for name in names)


def unique_sets(table: sa.Table) -> Iterator[set[str]]:
    """The sets of columns that no two rows have in common."""
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield {column.name for column in constraint.columns}
    for index in table.indexes:
        whole = index.dialect_options["postgresql"]["where"] is None
        plain = all(isinstance(part, Column) for part in index.expressions)
        if index.unique and whole and plain:
            yield {column.name for column in index.columns}


def _known(table: sa.Table, columns: tuple[str, ...], where: str) -> None:
    for column in columns:
        if column not in table.c:
            known = ", ".join(sorted(table.c.keys()))
            raise ConfigurationError(
                f"{where}: table {table.name} has no column {column!r}; it has {known}."
            )


def _through(binding: ManyThrough, near: EntityOptions, far: EntityOptions, where: str) -> Through:
    """The two foreign keys of the table between, in the order they are declared.

    The one with the columns that the binding names, where it does, leads to `near`.
    """
    table = binding.table
    to_near = _foreign_keys(table, near.table)
    to_far = _foreign_keys(table, far.table)
    if binding.near:
        _known(table, binding.near, where)
        to_near = [key for key in to_near if {own for own, _ in key} == set(binding.near)]
        to_far = [key for key in to_far if key not in to_near]
    elif near.table is far.table and len(to_near) > 1:
        to_near, to_far = to_near[:1], to_near[1:]
    if len(to_near) != 1 or len(to_far) != 1:
        raise ConfigurationError(
            f"{where}: table {table.name} must have one foreign key to {near.table.name} and one "
            f"to {far.table.name}."
        )
    return Through(table, to_near[0], to_far[0])


def _foreign_keys(table: sa.Table, other: sa.Table) -> list[tuple[tuple[str, str], ...]]:
    found = [
        tuple((element.parent.name, element.column.name) for element in constraint.elements)
        for constraint in table.foreign_key_constraints
        if constraint.referred_table is other
    ]
    declared = list(table.c.keys())
    return sorted(found, key=lambda pairs: [declared.index(own) for own, _ in pairs])
