"""An engine for questions about rows by key, whether or not the API is a subgraph.

Its one root field is `_entities`, planned, authorised and executed as routers have it. No client
reaches it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    is_introspection_type,
)

from gateway.execution.executor import resolve_planned
from gateway.planning.plan import Planner
from gateway.schema.catalog import FieldInfo
from gateway.schema.federation import ANY_ENTITY, ENTITIES, Entities
from gateway.schema.upstreams.stitching import BINDING

if TYPE_CHECKING:
    from gateway.execution.engine import Engine
    from gateway.schema.catalog import Catalog

_ROOT = "_Rows"


def rows_engine(engine: Engine) -> Engine:
    """An engine beside another, which shares its sources, plans and cache."""
    catalog = engine.api.catalog
    query = catalog.schema.query_type
    if query is None or ENTITIES not in query.fields:
        catalog = _with_entities(catalog)
    schema: Any = copy(engine.api.schema)
    schema._schema = catalog.schema  # noqa: SLF001 - Strawberry offers no public way to its core schema
    made = copy(engine)
    made.api = replace(engine.api, schema=schema, catalog=catalog)
    made.planner = Planner(catalog, engine.planner.sources, engine.planner.limits)
    made._costs = None  # noqa: SLF001 - parts were priced with the whole; no other engine is so
    return made


def _with_entities(catalog: Catalog) -> Catalog:
    schema = catalog.schema
    named = {info.cls: name for name, info in catalog.entities.items()}
    union = GraphQLUnionType(
        ANY_ENTITY,
        [schema.type_map[name] for name in catalog.entities],  # type: ignore[misc]  # entities are object types
        resolve_type=lambda value, *_: named[type(value)],
    )
    given = GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLScalarType("_Any"))))
    field: GraphQLField = GraphQLField(
        GraphQLNonNull(GraphQLList(union)),
        {"representations": GraphQLArgument(given)},
        resolve=resolve_planned,
        extensions={BINDING: Entities()},
    )
    root = GraphQLObjectType(_ROOT, {ENTITIES: field})
    types = [one for one in schema.type_map.values() if not is_introspection_type(one)]
    info = FieldInfo(_ROOT, ENTITIES, ANY_ENTITY, leaf=False, nullable=False, definition=field)
    return replace(
        catalog,
        schema=GraphQLSchema(root, types=types, directives=schema.directives, assume_valid=True),
        fields={**catalog.fields, (_ROOT, ENTITIES): replace(info, binding=Entities())},
        possible={**catalog.possible, ANY_ENTITY: frozenset(catalog.entities)},
    )
