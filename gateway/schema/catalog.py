"""The immutable catalog: every bound field and the entity, column or relation behind it.

Made once at start-up by `gateway.schema.build` and read by the planner and the sources. Names in
it are GraphQL names unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa
    from graphql import GraphQLField, GraphQLSchema

    from gateway.schema.bindings import Binding
    from gateway.schema.kinds import Kind
    from gateway.schema.rules import Rule


@dataclass(frozen=True, slots=True, eq=False)
class ColumnInfo:
    """A column a field shows: `nullable` is what the GraphQL type says."""

    name: str
    column: sa.Column[Any]
    kind: Kind
    nullable: bool


@dataclass(frozen=True, slots=True, eq=False)
class Through:
    """The table between two entities: (its column, the entity's column) for either side."""

    table: sa.Table
    near: tuple[tuple[str, str], ...]
    far: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """How rows of one entity find rows of another: equal columns, directly or `through` a table.

    `pairs` are (this table's column, the target's column); empty where there is a `through`.
    """

    name: str
    target: str
    many: bool
    pairs: tuple[tuple[str, str], ...] = ()
    through: Through | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EntityInfo:
    """A GraphQL type bound to a table of a source."""

    name: str
    table: sa.Table
    source: str
    cls: type
    key: tuple[ColumnInfo, ...]
    columns: Mapping[str, ColumnInfo]
    relations: Mapping[str, Relation]
    attributes: Mapping[str, ColumnInfo]
    """Columns by the Python attribute a resolver's `needs` may name."""
    rule: Rule | None = None
    """The condition under which a row exists for a viewer."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldInfo:
    """One field of the schema.

    `binding` is None for structural fields (of connections, edges, hits) and for plain resolvers;
    `walked` says that graphql-core must execute it: a resolver, a permission or an extension.
    """

    parent: str
    name: str
    type_name: str
    leaf: bool
    nullable: bool
    definition: GraphQLField
    binding: Binding | None = None
    walked: bool = False
    plain: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """What the schema is bound to."""

    schema: GraphQLSchema
    entities: Mapping[str, EntityInfo]
    fields: Mapping[tuple[str, str], FieldInfo]
    hits: Mapping[str, str]
    """Hit type → its entity type."""
    possible: Mapping[str, frozenset[str]]
    """Abstract type → its object types."""
    structures: frozenset[str]
    """Connection, edge, hit and page types: planned as part of the field that returns them."""
    short: bool
    """Whether planned operations may bypass graphql-core: no schema extension wants to see them."""
