"""Entities and their columns: names, annotations, and what is left out and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from strawberry.utils.str_converters import to_camel_case

from gateway.scaffold import naming
from gateway.scaffold.design import Attribute, Entity, Enumeration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.sources.postgres.introspection.catalogue import (
        Column,
        ColumnType,
        EnumType,
        Name,
        Table,
    )

_ANNOTATIONS = {
    "Int": "int",
    "BigInt": "BigInt",
    "Float": "float",
    "String": "str",
    "Boolean": "bool",
    "UUID": "UUID",
    "Decimal": "Decimal",
    "DateTime": "dt.datetime",
    "Date": "dt.date",
    "Time": "dt.time",
    "Duration": "Duration",
    "Bytes": "Bytes",
    "JSON": "JSON",
}
"""How a class writes the annotation of a kind."""

_SECRETS = (
    *({"password"}, {"passwd"}, {"pwd"}, {"passphrase"}, {"secret"}),
    *({"api", "key"}, {"private", "key"}, {"access", "token"}, {"refresh", "token"}),
)
"""Words of columns that nobody wants to have published by not looking."""

_NUMBERS = frozenset({"Int", "BigInt"})


def entities_of(
    tables: Sequence[Table], keys: Mapping[Name, tuple[str, ...]], types: naming.Names
) -> dict[Name, Entity]:
    """An entity for every table with a key; names come from `types`, `public` chooses first."""
    bases = {table.name: type_base(table.name) for table in tables}
    often = Counter(bases.values())
    found: dict[Name, Entity] = {}
    for table in sorted(tables, key=lambda one: (one.name.schema != "public", one.name)):
        base = bases[table.name]
        own = naming.pascal(naming.words(table.name.own), "Table")
        if often[base] > 1 and table.name.schema != "public":
            schema = naming.pascal(naming.words(table.name.schema), "Schema")
            base, own = schema + base, schema + own
        name = types.take(base, own, f"{base}Record")
        found[table.name] = Entity(
            name=name,
            snake=naming.snake(naming.words(name), "table"),
            short=naming.snake(naming.singular_words(table.name.own), "table"),
            table=table,
            key=keys[table.name],
            fields=naming.field_names(),
        )
    return found


def type_base(name: Name) -> str:
    """What a table or enum would be called, were it alone in the world."""
    return naming.pascal(naming.singular_words(name.own), "Type")


def enumerations_of(
    tables: Iterable[Table], types: naming.Names, variables: naming.Names
) -> dict[Name, Enumeration]:
    """A Python enum for each that some column has."""
    used = {
        column.type.enum.name: column.type.enum
        for table in tables
        for column in table.columns
        if column.type.enum is not None and column.type.enum.labels
    }
    found = {}
    for name, enum in sorted(used.items()):
        base = type_base(name)
        schema = naming.pascal(naming.words(name.schema), "Schema")
        variable = naming.snake(naming.words(name.own), "enum")
        found[name] = Enumeration(
            type=enum,
            name=types.take(base, f"{schema}{base}", f"{base}Label"),
            variable=variables.take(naming.variable(variable), f"{variable}_type"),
            members=_members(enum),
        )
    return found


def _members(enum: EnumType) -> tuple[tuple[str, str], ...]:
    """(name, label): labels that are names already keep them, the others take what is left."""
    names = naming.Names()
    spelt = [
        naming.snake(naming.words(label), "value").upper()
        if naming.words(label)
        else f"VALUE_{place}"
        for place, label in enumerate(enum.labels, 1)
    ]
    order = sorted(range(len(spelt)), key=lambda place: enum.labels[place].upper() != spelt[place])
    taken = {place: names.take(spelt[place]) for place in order}
    return tuple((taken[place], label) for place, label in enumerate(enum.labels))


class Annotations:
    """Finds the annotations of columns. `entities` are the tables whose keys may be IDs."""

    def __init__(
        self,
        entities: Mapping[Name, Entity],
        tables: Mapping[Name, Table],
        enums: Mapping[Name, Enumeration],
    ) -> None:
        self._entities = entities
        self._tables = tables
        self._enums = enums

    def of(self, table: Table, column: Column, *, nullable: bool) -> str:
        """The annotation of a bindable column."""
        base = "ID" if self._is_id(table.name, column.name, ()) else self._plain(column.type)
        return f"{base} | None" if nullable else base

    def _plain(self, type_: ColumnType) -> str:
        if type_.enum is not None:
            base = self._enums[type_.enum.name].name
        else:
            base = _ANNOTATIONS[type_.kind.name] if type_.kind else "str"
        return f"list[{base} | None]" if type_.array else base

    def _is_id(self, table: Name, column: str, seen: tuple[tuple[Name, str], ...]) -> bool:
        """Whether an integer names a row: the whole key of an entity, or a reference to one."""
        found = self._tables[table].column(column) if table in self._tables else None
        kind = found.type.kind if found is not None and not found.type.array else None
        if kind is None or kind.name not in _NUMBERS or (table, column) in seen:
            return False
        entity = self._entities.get(table)
        if entity is not None and entity.key == (column,):
            return True
        return any(
            self._is_id(key.table, reference, (*seen, (table, column)))
            for key in self._tables[table].foreign_keys
            for own, reference in zip(key.columns, key.references, strict=True)
            if own == column
        )


def add_attributes(entity: Entity, annotations: Annotations, renamed: Mapping[str, str]) -> None:
    """Give an entity its columns, in the table's order, and remarks on those left out.

    `renamed` are columns whose own names are wanted for relations.
    """
    left_out = {
        column.name: why for column in entity.table.columns if (why := _why_not(entity, column))
    }
    shown = [column for column in entity.table.columns if column.name not in left_out]
    plain = {
        column.name: renamed.get(column.name) or naming.snake(naming.words(column.name), "column")
        for column in shown
    }
    # A column that is called like the field keeps the name before one that would only become so.
    first = sorted(shown, key=lambda column: plain[column.name] != column.name)
    names = {column.name: field_name(entity, plain[column.name]) for column in first}
    for column in shown:
        name, public = names[column.name]
        nullable = column.nullable and column.name not in entity.key
        annotation = annotations.of(entity.table, column, nullable=nullable)
        entity.attributes.append(Attribute(name, column.name, annotation, public))
    entity.remarks += [
        f"Without {column.name} ({column.type.sql}): {left_out[column.name]}."
        for column in entity.table.columns
        if column.name in left_out
    ]
    entity.remarks += [
        f"Without {name}: the role that read the database may not read it."
        for name in entity.table.barred
    ]


def _why_not(entity: Entity, column: Column) -> str:
    """Why a column is not shown; empty where it is."""
    if not column.type.bindable:
        return column.type.why
    found = set(naming.words(column.name))
    secret = any(found >= words for words in _SECRETS) and column.name not in entity.key
    return "it looks like a secret; write it down as a field if it is none" if secret else ""


def field_name(entity: Entity, *wanted: str) -> tuple[str, str | None]:
    """The Python name of a field of its own, and its GraphQL name where that is not the usual."""
    free = [name for name in wanted if naming.is_free_field(to_camel_case(name))]
    name = entity.fields.take(*(free or [f"{wanted[0]}_value"]))
    attribute = naming.attribute(name)
    return attribute, to_camel_case(name) if attribute != name else None
