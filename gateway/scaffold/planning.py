"""From what a database holds to what a package says: selection, names, relations, files."""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.scaffold import naming
from gateway.scaffold.design import Entity, Enumeration, ModelTable, Package
from gateway.scaffold.entities import (
    Annotations,
    add_attributes,
    entities_of,
    enumerations_of,
    type_base,
)
from gateway.scaffold.keys import keys_of, why_none
from gateway.scaffold.relations import Relations, is_bare_join

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.scaffold.selection import Selection
    from gateway.sources.postgres.introspection.catalogue import (
        Database,
        ForeignKey,
        Name,
        Table,
    )

_VARIABLES = frozenset({"sa", "pg", "metadata", "enum_type"})
"""Names that stand in the module of models."""
_MODULES = frozenset({"models", "domain", *sys.stdlib_module_names})


def plan(database: Database, selection: Selection) -> Package:
    """The package for the tables that are selected.

    Raises `ConfigurationError` where nothing is, or a key that was named is not there.
    """
    tables = _selected(database, selection)
    if not tables:
        raise ConfigurationError(
            f"there is nothing to pull: in {', '.join(selection.schemas)} is no table or view that "
            "the role may read and --tables picks"
        )
    keys = keys_of(tables, selection.keys)
    by_name = {table.name: table for table in tables}
    types = naming.type_names(_type_bases(tables))
    shown = [table for table in tables if table.name in keys and not _only_joins(table, tables)]
    entities = entities_of(shown, keys, types)
    variables = _variables(tables)
    taken = {*_VARIABLES, *(table.variable for table in variables.values())}
    enums = enumerations_of(tables, types, naming.Names(taken=taken))
    _add_fields(entities, by_name, enums)
    _add_missing_relations(entities, database)
    return Package(
        source=selection.source,
        schemas=tuple(dict.fromkeys(table.name.schema for table in tables)),
        models=variables,
        enums=enums,
        entities=tuple(entities.values()),
        no_entities=tuple(
            f"The {table.sort} {'.'.join(table.name)}: {why_none(table)}."
            for table in tables
            if table.name not in keys
        ),
    )


def _type_bases(tables: Sequence[Table]) -> set[str]:
    """What tables and enums are called, as far as they have their way."""
    names = [table.name for table in tables]
    for table in tables:
        names += [column.type.enum.name for column in table.columns if column.type.enum]
    return {type_base(name) for name in names}


def _selected(database: Database, selection: Selection) -> list[Table]:
    """The tables that are selected, with the foreign keys that stay among them."""
    picked = {table.name: table for table in database.tables if selection.picks(table)}

    def kept(table: Table) -> tuple[ForeignKey, ...]:
        told = [key for key in table.foreign_keys if _can_be_told(table, key, picked)]
        return tuple({(key.columns, key.table): key for key in told}.values())

    return [replace(table, foreign_keys=kept(table)) for table in picked.values()]


def _can_be_told(table: Table, key: ForeignKey, picked: Mapping[Name, Table]) -> bool:
    """Whether SQLAlchemy can say where a foreign key leads: it joins names by dots."""
    other = picked.get(key.table)
    if other is None or any("." in part for part in (*key.table, *key.references)):
        return False
    return _are_modelled(table, key.columns) and _are_modelled(other, key.references)


def _are_modelled(table: Table, names: Iterable[str]) -> bool:
    columns = (table.column(name) for name in names)
    return all(column is not None and column.type.has_model for column in columns)


def _only_joins(table: Table, tables: Sequence[Table]) -> bool:
    """Whether a table is seen through only: it joins two others, and nothing else."""
    referred = any(key.table == table.name for other in tables for key in other.foreign_keys)
    return is_bare_join(table) and not referred


def _variables(tables: Sequence[Table]) -> dict[Name, ModelTable]:
    """What each table is called among the models; `public` chooses first."""
    names = naming.Names(taken=_VARIABLES)
    found = {}
    for table in sorted(tables, key=lambda one: (one.name.schema != "public", one.name)):
        own = naming.snake(naming.words(table.name.own), "table")
        schema = naming.snake(naming.words(table.name.schema), "schema")
        variable = names.take(naming.variable(own), f"{schema}_{own}")
        found[table.name] = ModelTable(table, variable)
    return found


def _add_fields(
    entities: Mapping[Name, Entity],
    tables: Mapping[Name, Table],
    enums: Mapping[Name, Enumeration],
) -> None:
    annotations = Annotations(entities, tables, enums)
    relations = Relations(entities, tables)
    for entity in entities.values():
        add_attributes(entity, annotations, relations.renamed(entity))
    relations.add()
    _add_heirs(entities)
    roots, modules = naming.root_names(), naming.Names(taken=_MODULES)
    for entity in entities.values():
        entity.module = modules.take(naming.variable(naming.plural_of(entity.snake)))
        entity.one = roots.take(entity.snake, f"{entity.snake}_row")
    for entity in entities.values():
        plural = naming.plural_of(entity.snake)
        entity.all = roots.take(plural, f"all_{plural}")


def _add_missing_relations(entities: Mapping[Name, Entity], database: Database) -> None:
    """Remark on foreign keys that lead to nothing that is served."""
    for table in database.tables:
        entity = entities.get(table.name)
        if entity is not None:
            served = [key for key in entity.table.foreign_keys if key.table in entities]
            told = {(key.columns, key.table) for key in served}
            entity.remarks += [
                f"Without a relation to {'.'.join(key.table)} by {', '.join(key.columns)}: "
                f"{_why_no_relation(key, entities)}."
                for key in table.foreign_keys
                if (key.columns, key.table) not in told
            ]


def _why_no_relation(key: ForeignKey, entities: Mapping[Name, Entity]) -> str:
    if key.table in entities:
        return "SQLAlchemy cannot say where it leads"
    return "that is no entity here; --schema, --tables and --key say what is"


def _add_heirs(entities: Mapping[Name, Entity]) -> None:
    """Remark on tables that show the rows of others, which inherit from them."""
    heirs: dict[Name, list[str]] = defaultdict(list)
    for entity in entities.values():
        for parent in entity.table.inherits:
            heirs[parent].append(entity.name)
    for name, names in heirs.items():
        if name in entities:
            entities[name].remarks.append(
                f"Shows the rows of {', '.join(names)}, too, which inherit from it; "
                "their keys may occur twice."
            )
