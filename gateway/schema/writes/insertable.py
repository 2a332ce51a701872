"""Which columns of an entity may be written, and which rows inserted together with its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from strawberry.utils.str_converters import to_camel_case

from gateway.schema.catalog import ColumnInfo, EntityInfo, Relation, Through
from gateway.schema.columns.deduced import key_kind
from gateway.schema.definitions import field_name, guarded
from gateway.schema.relations import unique_sets
from gateway.schema.writes.mutations import Insert, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from gateway.schema.places import Placed
    from gateway.schema.writes.mutations import WriteBinding


def writable(entity: EntityInfo) -> dict[str, ColumnInfo]:
    """The columns a client may write, by GraphQL name: those shown, and foreign keys.

    Computed columns and always-generated identities are left out, and so is a column that only a
    field with a permission shows: who may not read it may not write it either.
    """
    closed = guarded(entity.cls)
    visible = {info.column.name for info in entity.columns.values()}
    shown: dict[str, ColumnInfo] = {}
    for info in entity.columns.values():
        if info.name not in closed:
            shown.setdefault(info.column.name, info)
    for relation in entity.relations.values():
        if not relation.many and relation.through is None and relation.name not in closed:
            for name, _ in relation.pairs:
                column = entity.table.c[name]
                if name not in visible:
                    kind = key_kind(column, f"{entity.name}.{relation.name}")
                    public = to_camel_case(name)
                    shown[name] = ColumnInfo(public, column, kind, bool(column.nullable))
    return {info.name: info for info in shown.values() if not _generated(info.column)}


def _generated(column: sa.Column[Any]) -> bool:
    identity = column.identity
    return column.computed is not None or (identity is not None and bool(identity.always))


def required(column: sa.Column[Any]) -> bool:
    """Whether an insert must give this column a value."""
    table: Any = column.table
    has_default = (
        column.server_default is not None
        or column.identity is not None
        or column is table.autoincrement_column
    )
    return not column.nullable and not has_default


class Insertable(NamedTuple):
    """What an insert may give a row of an entity, by GraphQL names."""

    columns: dict[str, ColumnInfo]
    children: dict[str, Relation]
    parents: dict[str, Relation]


def insertable(
    entity: EntityInfo, entities: Mapping[str, EntityInfo], inserts: Container[str]
) -> Insertable:
    """The columns, and the relations whose rows can be inserted along.

    `entities`: those of the domain, by name. `inserts`: those whose rows a root field inserts.
    """
    return Insertable(writable(entity), _children(entity), _parents(entity, entities, inserts))


def _children(entity: EntityInfo) -> dict[str, Relation]:
    """The relations whose rows can be inserted together with a row of this entity.

    They refer to its key. Not those under a permission, nor those by a table between that asks for
    more than both keys.
    """
    closed = guarded(entity.cls)
    key = _key(entity)
    return {
        name: relation
        for name, relation in entity.relations.items()
        if not relation.refers
        and name not in closed
        and _linkable(relation.through)
        and key.issuperset(local for local, _ in relation.pairs)
    }


def _parents(
    entity: EntityInfo, entities: Mapping[str, EntityInfo], inserts: Container[str]
) -> dict[str, Relation]:
    """The relations to a row that can be inserted before a row of this entity, which refers to it.

    By its key; not those under a permission, nor to rows of which no root field says who may
    insert them.
    """
    closed = guarded(entity.cls)
    return {
        name: relation
        for name, relation in entity.relations.items()
        if relation.refers
        and name not in closed
        and relation.target in inserts
        and _key(entities[relation.target]).issuperset(remote for _, remote in relation.pairs)
    }


def insert_fields(
    fields: Iterable[Placed], entity_of: Callable[[Any], EntityInfo | None]
) -> dict[str, str]:
    """By entity the first root field that inserts its rows and asks for no Python permission."""
    found: dict[str, str] = {}
    for one in fields:
        entity = entity_of(one.inner)
        asks = one.field.permission_classes
        if isinstance(one.binding, Insert) and entity is not None and not asks:
            found.setdefault(entity.name, field_name(one.field))
    return found


def _key(entity: EntityInfo) -> set[str]:
    return {info.column.name for info in entity.key}


def _linkable(through: Through | None) -> bool:
    if through is None:
        return True
    keys = {own for own, _ in (*through.near, *through.far)}
    return not any(required(column) for column in through.table.c if column.name not in keys)


def check_columns(entity: EntityInfo, binding: WriteBinding, placed: Placed) -> None:
    """Raise ConfigurationError for a row found by what is not unique, or no column to lock by."""
    if isinstance(binding, Insert) and binding.conflict:
        if set(binding.conflict) not in list(unique_sets(entity.table)):
            raise placed.wrong(
                f"{', '.join(binding.conflict)} is not a unique key of table "
                f"{entity.table.name}; give all columns of a primary or unique key."
            )
    elif isinstance(binding, Update) and binding.version is not None:
        found = entity.table.columns.get(binding.version)
        if found is None or not isinstance(found.type, sa.Integer):
            raise placed.wrong(
                f"version={binding.version!r} is not an integer column of table "
                f"{entity.table.name}."
            )
