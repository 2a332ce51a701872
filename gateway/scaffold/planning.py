"""From what a database holds to what a package says: selection, names, relations, files."""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.scaffold import naming
from gateway.scaffold.design import Entity, Enumeration, ModelTable, Package, Subject
from gateway.scaffold.entities import Annotations, add_attributes, entities_of, enumerations_of
from gateway.scaffold.families import families
from gateway.scaffold.keys import keys_of, why_none
from gateway.scaffold.relations import Relations, is_bare_join

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.scaffold.selection import Selection
    from gateway.sources.postgres.introspection.catalogue import Database, Name, Table

_MODULES = frozenset({"models", "__init__", "__main__"})
_VARIABLES = frozenset({"sa", "pg", "metadata", "enum_type", "_labels", "StrEnum"})


def plan(database: Database, selection: Selection) -> Package:
    """The package for the tables that are selected.

    Raises `ConfigurationError` where nothing is, or a key that was named is not there.
    """
    tables = _selected(database, selection)
    if not tables:
        raise ConfigurationError(
            f"there is nothing to pull: no table or view in {', '.join(selection.schemas)} that "
            "the role may read and --tables picks"
        )
    keys = keys_of(tables, selection.keys)
    by_name = {table.name: table for table in tables}
    types = naming.type_names()
    entities = entities_of(
        [table for table in tables if table.name in keys and not _only_joins(table, by_name, keys)],
        keys,
        types,
    )
    schemas = tuple(dict.fromkeys(table.name.schema for table in tables))
    enums, models = _models(tables, schemas, types)
    _add_fields(entities, by_name, enums)
    return Package(
        source=selection.source,
        schemas=schemas,
        models=models,
        enums=enums,
        subjects=_subjects(list(entities.values()), families(tables, keys)),
        no_entities=tuple(
            _why_no_entity(table)
            for table in tables
            if table.name not in keys
        ),
    )


def _selected(database: Database, selection: Selection) -> list[Table]:
    """The tables that are selected, with the foreign keys that stay among them."""
    picked = {table.name: table for table in database.tables if selection.picks(table)}
    return [
        replace(
            table,
            columns=tuple(column for column in table.columns if _has_model(column.type)),
            foreign_keys=tuple(
                {
                    (key.columns, key.table): key
                    for key in reversed(table.foreign_keys)
                    if _can_be_told(table, key, picked)
                }.values()
            )[::-1],
        )
        for table in picked.values()
    ]
