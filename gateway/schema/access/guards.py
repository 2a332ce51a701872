"""The catalog's fields, and what a viewer must meet for each: by itself and by what it returns.

Types made of an entity (its connection, its hits) ask for what the entity asks for, and members
computed from a column (`aggregate { sum { score } }`) for what the column's field asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_non_null_type,
)
from strawberry.utils.str_converters import capitalize_first

from gateway.errors import ConfigurationError
from gateway.schema.access.requirements import Authority, Requirement, Requirements
from gateway.schema.bindings import Vectors
from gateway.schema.catalog import Aggregates, EntityInfo, FieldInfo
from gateway.schema.definitions import definition_of
from gateway.schema.upstreams.access import required_by
from gateway.schema.upstreams.stitching import binding_of
from gateway.schema.vectors.sync import VectorSync

Fields = dict[tuple[str, str], FieldInfo]


def type_requirements(
    schema: GraphQLSchema, made_of: Mapping[str, str], authority: Authority
) -> dict[str, Requirements]:
    """What each guarded type asks for. `made_of`: connection or hit type → its entity."""
    found: dict[str, Requirements] = {}
    for type_ in schema.type_map.values():
        requirements = required_by(type_)
        if requirements:
            authority.check(requirements, type_.name)
            found[type_.name] = requirements
    inherited = {name: found[entity] for name, entity in made_of.items() if entity in found}
    return found | inherited


def field_infos(
    schema: GraphQLSchema,
    types: Mapping[str, Requirements],
    entities: Mapping[str, EntityInfo],
    aggregates: Mapping[str, Aggregates],
    authority: Authority,
) -> Fields:
    """Every field of every object type. Raises ConfigurationError for what cannot be guarded."""
    fields: Fields = {}
    for type_ in _object_types(schema):
        for name, field in type_.fields.items():
            info = _field_info(type_.name, name, field)
            authority.check(info.access, f"{type_.name}.{name}")
            returned = types.get(info.type_name, ())
            access = tuple(dict.fromkeys((*info.access, *returned)))
            fields[type_.name, name] = replace(info, access=access) if access else info
    for entity in entities.values():
        _guard_computed(entity, aggregates[entity.name], fields)
        for key in entity.key:
            if fields[entity.name, key.name].access:
                raise ConfigurationError(
                    f"{entity.name}.{key.name} is part of the key, which cursors and global ids "
                    "show; guard the entity instead."
                )
    return fields


def check_synced(
    syncs: Iterable[VectorSync], entities: Iterable[EntityInfo], fields: Fields
) -> None:
    """Refuse a field that searches by columns without asking for what these ask for.

    Raises ConfigurationError naming both.
    """
    tables = list(entities)
    for sync in syncs:
        asked: dict[str, list[set[Requirement]]] = {}
        for entity in (one for one in tables if one.table is sync.table):
            for info in entity.columns.values():
                if info.column.name in sync.columns:
                    access = set(fields[entity.name, info.name].access)
                    asked.setdefault(info.column.name, []).append(access)
        for (parent, name), field in fields.items():
            searched = getattr(field.binding, "near", field.binding)
            if not isinstance(searched, Vectors) or searched.collection is None:
                continue
            if (searched.collection.name, searched.source) != (sync.name, sync.source):
                continue
            for column, ways in asked.items():
                if not set.intersection(*ways) <= set(field.access):
                    raise ConfigurationError(
                        f"{parent}.{name}: it searches collection {sync.name!r}, which is made of "
                        f"{sync.table.name}.{column}; ask there for what that column asks for."
                    )


def _object_types(schema: GraphQLSchema) -> Iterator[GraphQLObjectType]:
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            yield type_


def _field_info(parent: str, name: str, field: Any) -> FieldInfo:
    definition = definition_of(field)
    named = get_named_type(field.type)
    plain = bool(getattr(definition, "base_resolver", None))
    return FieldInfo(
        parent=parent,
        name=name,
        type_name=named.name,
        leaf=is_leaf_type(named),
        nullable=not is_non_null_type(field.type),
        definition=field,
        binding=binding_of(field),
        walked=plain or bool(getattr(definition, "extensions", ())),
        plain=plain,
        needs=getattr(definition, "needs", ()),
        access=required_by(field),
    )


def _guard_computed(entity: EntityInfo, aggregates: Aggregates, fields: Fields) -> None:
    """Let what is computed from a guarded column ask for what the column asks for."""
    members = [(result, measure.column) for result, measure in aggregates.measures.items()]
    members += [(f"key.{name}", column) for name, (column, _) in aggregates.keys.items()]
    for result, column in members:
        access = fields[entity.name, column.name].access if column is not None else ()
        if access:
            function, _, name = result.partition(".")
            place = (f"{entity.name}Aggregate{capitalize_first(function)}", name)
            if place in fields:
                fields[place] = replace(fields[place], access=access)
